"""Which arithmetic pays on this machine."""


def fast_bfloat16(device: str) -> bool:
    """Whether the device ("cpu", "cuda", ...) multiplies bfloat16 faster than single precision."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    names = ("avx512_bf16", "amx_bf16", "sve_bf16")
    return device == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in names)
