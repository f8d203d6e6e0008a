"""Training that starts where an earlier model ended."""

import torch

from gnn.model import ItemGraphModel
from gnn.store import SavedModel
from kg.errors import ModelError


def start_from(model: ItemGraphModel, saved: SavedModel, item_ids: list[str], relations: list[str]) -> None:
    """Copy the parameters of the items and relations that both know.

    Items that the earlier model does not know start without an ID embedding: their text carries them, as it
    does when they are served by that model. Those without a text keep the little that they have.

    Raises:
        ModelError: the vectors or the texts have another size.
    """
    about, tensors = saved.about, saved.tensors
    for name in ("id", "project"):
        mine, other = getattr(model, name, None), tensors.get(name)
        sizes = [None if tensor is None else tensor.shape[name == "id" :] for tensor in (mine, other)]
        if sizes[0] != sizes[1]:
            raise ModelError(
                f"Model {about.version} has other sizes than this training ({name}): train without --from."
            )
    number = {item_id: n for n, item_id in enumerate(item_ids)}
    old = [n for n, item_id in enumerate(about.item_ids) if item_id in number]
    new = [number[about.item_ids[n]] for n in old]
    with torch.no_grad():
        if model.text is not None:
            model.id[model.text.any(dim=1)] = 0
        model.id[new] = tensors["id"][old].to(model.id.device)
        model.log_length[new] = tensors["log_length"][old].to(model.log_length.device)
        if "project" in tensors:
            model.project.copy_(tensors["project"])
        for place, name in enumerate(relations):
            if name in about.relation_weights:
                model.relation[place] = torch.tensor(about.relation_weights[name])
