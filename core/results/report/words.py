"""The numbers of a manifest as sentences. There is no sentence for numbers that a manifest does not contain."""

from collections.abc import Mapping
from typing import Any

from core.extraction.plausibility import SURE

ORIGINS = {
    "host": "from the host",
    "tempo": "from the given tempo",
    "file": "from a file of downbeats",
    "tracker": "from the downbeat tracker",
}
METHODS = {
    "coherent": "The loops repeat sample by sample. So each loop was computed as a waveform, without masks.",
    "played": "The loops repeat in their spectra, but not sample by sample, as in music played by hand. Each loop was"
    " separated by its spectrum and its position in the stereo image.",
    "blended": "Some loops repeat sample by sample. Others repeat in their spectra only, as in music played by hand."
    " Each loop was computed both as a waveform and from its spectrum; at each moment and pitch the more reliable one"
    " counts more.",
    "tucker": "Each loop is a model of notes and rhythms (a Tucker decomposition). A soft mask cut it out of the song.",
}
# By the noise gain of a loop.
TRUST = ((0.2, "very well separated"), (0.5, "well separated"), (1.0, "separated"))
ENTANGLED = "may contain parts of other loops"
REPEATS = 0.5  # coherence: from here on, most of a band's sound is exact repetition


def in_words(manifest: Mapping[str, Any]) -> list[str]:
    """Sentences about the extraction."""
    report = manifest["diagnostics"]
    method = METHODS.get(report.get("method", ""), "") if manifest["loops"] else ""
    if report.get("confidence", 1.0) < SURE:  # it would contradict the warning
        method = ""
    sentences = (method, _bars(manifest), _explained(report), _bands(report), _fit(report))
    return [sentence for sentence in sentences if sentence]


def trust_in_words(manifest: Mapping[str, Any], loop: int) -> str:
    """How well a loop is separated, by its noise gain; empty if the method has no noise gains."""
    gains = manifest["diagnostics"].get("noise_gain", [])
    if loop >= len(gains):
        return ""
    return next((words for limit, words in TRUST if gains[loop] <= limit), ENTANGLED)


def _bars(manifest: Mapping[str, Any]) -> str:
    bars = manifest["bars"]
    changes = manifest["diagnostics"].get("bars_changed", [])
    moved = f", then moved to fit the repetition of the sound ({', '.join(changes)})" if changes else ""
    count, beats = len(bars["starts"]) - 1, bars["beats_per_bar"]
    origin = ORIGINS.get(bars["origin"], f"from: {bars['origin']}")
    return f"{count} bars of {beats} beats, {origin}{moved}."


def _explained(report: Mapping[str, Any]) -> str:
    if "rest_share" not in report:
        return ""
    return f"The loops explain {1 - report['rest_share']:.1%} of the energy in the bars; the rest has the remainder."


def _bands(report: Mapping[str, Any]) -> str:
    bands, coherence = report.get("bands_hz", []), report.get("coherence", [])
    exact = [k for k, value in enumerate(coherence) if value >= REPEATS]
    if not exact:
        return ""
    low, high = bands[exact[0]], bands[exact[-1] + 1]
    return f"Exact repetition was found from {low:,.0f} to {high:,.0f} Hz."


def _fit(report: Mapping[str, Any]) -> str:
    if "relative_error" not in report:
        return ""
    return f"After {report['iterations']} iterations the error of the spectra is {report['relative_error']:.0%}."
