from kg.text import compose, text_hash


def test_the_most_telling_parts_come_first():
    item = {
        "title": "Oat  rings",
        "brand": "Acme",
        "categories": ["Food", "Cereal", "Food"],
        "description": "Crunchy.\nWhole grain",
        "attributes": '{"pack_size": "500 g"}',
    }
    assert compose(item) == "Oat rings. Acme. Food, Cereal. Crunchy. Whole grain"


def test_attributes_stand_in_for_a_description():
    item = {"title": "Oat rings", "attributes": '{"pack_size": "500 g"}'}
    assert compose(item | {"description": " "}) == compose(item) == "Oat rings. pack size 500 g"


def test_missing_parts_leave_no_trace():
    assert compose({"title": None, "brand": float("nan"), "categories": None, "description": " "}) == ""


def test_hash_follows_the_text():
    assert text_hash("a") == text_hash("a") != text_hash("b")
