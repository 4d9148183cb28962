"""A manifest's numbers as sentences; what a manifest does not tell is left out."""

from collections.abc import Mapping
from typing import Any

ORIGINS = {
    "host": "taken from the host",
    "tempo": "laid out by the given tempo",
    "file": "read from a file of downbeats",
    "tracker": "found by the downbeat tracker",
}
METHODS = {
    "coherent": "The loops return sample by sample, so each was solved for as a waveform, without masks.",
    "played": "Loops return in their spectra but not to the sample, as in played music; each was told apart by its"
    " spectrum and its place between the loudspeakers.",
    "blended": "Some loops return sample by sample, others in their spectra alone, as played music does; each was"
    " solved for as a waveform and told apart by its spectrum, whichever is right at each moment and pitch.",
    "tucker": "Each loop is a model of notes and rhythms (a Tucker decomposition), cut out of the song by a soft mask.",
}
TRUST = ((0.2, "very well told apart"), (0.5, "well told apart"), (1.0, "told apart"))
ENTANGLED = "may hold parts of other loops"
REPEATS = 0.5  # coherence from which most of a band's sound is exact repetition


def in_words(manifest: Mapping[str, Any]) -> list[str]:
    """How the extraction went, a sentence each."""
    report = manifest["diagnostics"]
    method = METHODS.get(report.get("method", ""), "") if manifest["loops"] else ""
    sentences = (method, _bars(manifest), _explained(report), _bands(report), _fit(report))
    return [sentence for sentence in sentences if sentence]


def trust_in_words(manifest: Mapping[str, Any], loop: int) -> str:
    """How well a loop could be told apart, by its noise gain; empty where the method has none."""
    gains = manifest["diagnostics"].get("noise_gain", [])
    if loop >= len(gains):
        return ""
    return next((words for limit, words in TRUST if gains[loop] <= limit), ENTANGLED)


def _bars(manifest: Mapping[str, Any]) -> str:
    bars = manifest["bars"]
    changes = manifest["diagnostics"].get("bars_changed", [])
    moved = f", then moved to where the sound repeats ({', '.join(changes)})" if changes else ""
    count, beats = len(bars["starts"]) - 1, bars["beats_per_bar"]
    origin = ORIGINS.get(bars["origin"], f"from: {bars['origin']}")
    return f"{count} bars of {beats} beats, {origin}{moved}."


def _explained(report: Mapping[str, Any]) -> str:
    if "rest_share" not in report:
        return ""
    return f"Loops explain {1 - report['rest_share']:.1%} of the energy inside the bars; the rest holds what is left."


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
    return f"After {report['iterations']} iterations the model misses {report['relative_error']:.0%} of the spectra."
