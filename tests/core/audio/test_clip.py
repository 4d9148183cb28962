import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from core.audio.clip import Clip, checked, read_clip
from core.audio.wav import write_wav
from core.base.errors import Code, LoopError

MakeClip = Callable[..., Clip]


def _snr(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10((wanted**2).sum() / ((got - wanted) ** 2).sum().clip(1e-30)))


def _fails(code: Code, match: str, path: Path) -> None:
    with pytest.raises(LoopError, match=match) as caught:
        read_clip(path)
    assert caught.value.code is code
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("format_", ["WAV", "FLAC", "AIFF"])
@pytest.mark.parametrize("channels", [1, 2, 5, 8])
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_lossless_formats_keep_rate_channels_and_samples(
    tmp_path: Path, noise: MakeClip, format_: str, channels: int, rate: int
) -> None:
    clip = noise(rate, 0.05, channels)
    path = tmp_path / f"song.{format_.lower()}"
    soundfile.write(path, clip.samples.T, rate, format=format_, subtype="PCM_24")
    read = read_clip(path)
    assert (read.rate, read.channels, read.frames) == (rate, channels, clip.frames)
    assert (read.name, read.path, read.samples.dtype) == ("song", path, np.float32)
    assert np.abs(read.samples - clip.samples).max() <= 2**-22


@pytest.mark.parametrize("subtype", sorted(set(soundfile.available_subtypes("WAV")) - {"MPEG_LAYER_III"}))
def test_every_subtype_of_wav_is_read(tmp_path: Path, subtype: str) -> None:
    rate = 8_000
    samples = 0.3 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)  # a tone, which speech codecs can follow
    path = tmp_path / "song.wav"
    soundfile.write(path, samples, rate, format="WAV", subtype=subtype)
    read = read_clip(path)
    assert (read.rate, read.channels) == (rate, 1)
    assert _snr(read.samples[0, 1000:7000], samples[1000:7000]) > (10 if subtype in ROUGH else 30)


ROUGH = {"GSM610", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "G721_32", "PCM_U8"}


def test_an_mp3_inside_a_wav_is_read(tmp_path: Path) -> None:
    """libsndfile reads this kind of WAV but does not write it: the chunks are put together here."""
    rate = 44_100
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "song.mp3", tone, rate)
    layer_iii = struct.pack("<HHIIHHHHIHHH", 0x55, 1, rate, 8_000, 1, 0, 12, 1, 2, 417, 1, 1393)
    chunks = [(b"fmt ", layer_iii), (b"fact", struct.pack("<I", rate)), (b"data", (tmp_path / "song.mp3").read_bytes())]
    body = b"WAVE" + b"".join(_chunk(name, content) for name, content in chunks)
    (tmp_path / "song.wav").write_bytes(_chunk(b"RIFF", body))
    read = read_clip(tmp_path / "song.wav")
    assert (read.rate, read.channels) == (rate, 1)
    assert _snr(read.samples[0, 5_000:35_000], tone[5_000:35_000]) > 30


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


@pytest.mark.parametrize(("format_", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_formats_keep_rate_and_channels(tmp_path: Path, format_: str, subtype: str) -> None:
    rate = 48_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    path = tmp_path / "song.bin"
    soundfile.write(path, np.stack([tone, -tone], axis=1), rate, format=format_, subtype=subtype)
    read = read_clip(path)
    assert (read.rate, read.channels) == (rate, 2)
    assert abs(read.frames - rate) < 0.1 * rate
    assert np.sqrt((read.samples[:, 12_000:36_000] ** 2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_the_example_song_is_read(shared_song: Path) -> None:
    clip = read_clip(shared_song)
    assert (clip.rate, clip.channels) == (44_100, 1)
    assert clip.seconds == pytest.approx(60.0, abs=0.1)


@given(
    rate=st.sampled_from([8_000, 11_025, 44_100, 192_000]),
    channels=st.integers(1, 8),
    frames=st.integers(1, 500),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_written_wav_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, rate: int, channels: int, frames: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).normal(0.0, 2.0, (channels, frames)).astype(np.float32)  # beyond full scale
    path = tmp_path_factory.mktemp("wav") / "song.wav"
    write_wav(path, samples, rate)
    read = read_clip(path)
    assert read.rate == rate
    np.testing.assert_array_equal(read.samples, samples)


def test_a_written_wav_is_what_scipy_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.audio.clip.SPAN", 64)
    samples = np.random.default_rng(0).standard_normal((2, 201)).astype(np.float32)
    write_wav(tmp_path / "ours.wav", samples, 44_100)
    scipy.io.wavfile.write(tmp_path / "theirs.wav", 44_100, samples.T)
    assert (tmp_path / "ours.wav").read_bytes() == (tmp_path / "theirs.wav").read_bytes()


def test_more_than_a_wav_can_hold_is_refused(tmp_path: Path, noise: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.audio.wav.MOST_BYTES", 4 * 8_000)
    with pytest.raises(LoopError, match="a WAV holds at most 4 GB") as caught:
        write_wav(tmp_path / "song.wav", noise().samples, 8_000)
    assert caught.value.code is Code.WRITE_FAILED
    assert not (tmp_path / "song.wav").exists()


def test_writing_where_nothing_can_be_written_says_so(tmp_path: Path, noise: MakeClip) -> None:
    with pytest.raises(LoopError, match=r"cannot be written .*check space and rights") as caught:
        write_wav(tmp_path / "no such folder" / "song.wav", noise().samples, 8_000)
    assert caught.value.code is Code.WRITE_FAILED


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    _fails(Code.NO_SUCH_FILE, "no such file; check the path", tmp_path / "none.wav")
    _fails(Code.NO_SUCH_FILE, "is a folder, not a file", tmp_path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, this is a letter\n" * 50, bytes(range(256)) * 20])
def test_what_is_not_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    _fails(Code.NOT_AUDIO, "cannot be read as audio .*convert it", path)


@pytest.mark.parametrize(("name", "content"), [("a.wav", b"a letter\n" * 999), ("b.png", b"\x89PNG\0\0"), ("c", b"")])
def test_text_and_pictures_are_refused_without_the_slow_reader(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with patch.dict(sys.modules, {"librosa": None}):  # importing it would raise ImportError
        _fails(Code.NOT_AUDIO, "cannot be read as audio", tmp_path / name)


def test_what_decoders_print_about_a_broken_file_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "song.mp3").write_bytes(bytes(5_000))
    with patch.dict(sys.modules, {"librosa": None}):
        _fails(Code.NOT_AUDIO, r"\(damaged\)", tmp_path / "song.mp3")
    assert capfd.readouterr() == ("", "")


def test_what_librosa_can_open_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    tone = np.sin(np.arange(9_000)).astype(np.float32)
    monkeypatch.setitem(sys.modules, "librosa", SimpleNamespace(load=lambda *_args, **_options: (tone, 9_000)))
    read = read_clip(tmp_path / "song.m4a")
    assert (read.rate, read.channels, read.frames) == (9_000, 1, 9_000)


@pytest.mark.parametrize("length", [12, 30, 43, 44])
def test_a_wav_cut_off_early_is_refused(tmp_path: Path, noise: MakeClip, length: int) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, noise().samples.T, 8_000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:length])
    _fails(Code.NOT_AUDIO, "cannot be read as audio|no audio frames", path)


def test_a_file_without_frames_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), 44_100)
    _fails(Code.NOT_AUDIO, "contains no audio frames", tmp_path / "empty.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, noise: MakeClip, value: float) -> None:
    samples = noise().samples.copy()
    samples[0, 77] = value
    soundfile.write(tmp_path / "song.wav", samples.T, 8_000, subtype="FLOAT")
    _fails(Code.NOT_AUDIO, "NaN or infinite samples; render it again", tmp_path / "song.wav")


@pytest.mark.parametrize("level", [0.0, 9e-6])
def test_silence_is_refused(tmp_path: Path, level: float) -> None:
    soundfile.write(tmp_path / "song.wav", np.full(8_000, level), 8_000, subtype="FLOAT")
    _fails(Code.MUSIC_NOT_USABLE, "is silent; choose a clip with music", tmp_path / "song.wav")


@pytest.mark.parametrize(
    ("rate", "channels", "match"), [(7_999, 1, "7999 Hz"), (192_001, 1, "192001 Hz"), (8_000, 9, "9 channels")]
)
def test_rates_and_channels_have_limits(tmp_path: Path, noise: MakeClip, rate: int, channels: int, match: str) -> None:
    soundfile.write(tmp_path / "song.wav", noise(rate, 0.1, channels).samples.T, rate)
    _fails(Code.LIMIT, match, tmp_path / "song.wav")


def test_a_clip_from_memory_is_checked_as_a_file_is() -> None:
    with pytest.raises(LoopError, match="take 1: contains no audio frames"):
        checked(Clip(np.zeros((0, 0), np.float32), 44_100, "take 1"))
    with pytest.raises(LoopError, match="contains no audio frames"):
        checked(Clip(np.ones(100, np.float32), 44_100))
