from core.base.compiled import compiled


def test_what_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    """A function without a file stands for a folder that nobody may write to: numba has no place for either."""
    halved = compiled(eval("lambda x: x / 2"))  # noqa: S307 - our own words; it is how a function comes without a file
    assert halved(3) == 1.5
