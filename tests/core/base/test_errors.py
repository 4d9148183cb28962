import pickle

from core.base.errors import Cancelled, Code, LoopError


def test_an_error_carries_its_code_and_message() -> None:
    error = LoopError(Code.NOT_AUDIO, "x.wav: is not audio; convert it")
    assert (error.code, error.message, str(error)) == (-8, "x.wav: is not audio; convert it", error.message)


def test_an_error_survives_the_way_out_of_a_worker_process() -> None:
    again = pickle.loads(pickle.dumps(LoopError(Code.LIMIT, "too much; take less")))  # noqa: S301 - our own bytes
    assert isinstance(again, LoopError)
    assert (again.code, again.message) == (Code.LIMIT, "too much; take less")


def test_codes_are_never_renumbered() -> None:
    assert {code.name: int(code) for code in Code} == {
        "INTERNAL": -1,
        "VERSION": -2,
        "AUTH": -3,
        "UNKNOWN_ADDRESS": -4,
        "ARGUMENTS": -5,
        "PATH_NOT_ALLOWED": -6,
        "NO_SUCH_FILE": -7,
        "NOT_AUDIO": -8,
        "LIMIT": -9,
        "NO_SUCH_JOB": -10,
        "WRONG_STATE": -11,
        "ID_CONFLICT": -12,
        "SHUTTING_DOWN": -13,
        "MUSIC_NOT_USABLE": -14,
        "WRITE_FAILED": -15,
        "INCOMPLETE": -16,
    }


def test_cancelling_is_no_error_of_the_user() -> None:
    assert not issubclass(Cancelled, LoopError)
