"""REAPER's own files, edited: ids of actions, the list of actions, the menu of items."""

import doctest
import re

import pytest

from bridge.hosts.reaper import ini as reaper_ini
from bridge.hosts.reaper.ini import Script, command_id, has_menu, with_action, with_entry, without_action, without_entry

SCRIPT = Script("loopcube/loopcube_Extract loops from selected items.lua", "Extract loops...")
OTHERS = (
    'SCR 4 0 RS1ee9bb229dabffe151848d7efa3c10f748e1a1cf "Custom: lyrics.lua" Cockos/lyrics.lua\r\nKEY 1 65 40001 0\r\n'
)
MENU = (
    "[Main toolbar]\r\nitem_0=40023 New\r\n\r\n"
    "[Media item context]\r\ntitle=Items\r\nitem_0=40009 &Item properties...\r\nitem_1=-1\r\n"
    "item_2=-2 Group\r\nitem_3=40032 Group items\r\nitem_4=-3\r\ndefault=0123456789abcdef\r\n\r\n"
    "[Track control panel context]\r\nitem_0=40001 Insert\r\n"
)


def test_doctests() -> None:
    assert doctest.testmod(reaper_ini).failed == 0


@pytest.mark.parametrize(
    ("path", "sha"),
    [  # from REAPER's own files, as users have published them
        ("Cockos/lyrics.lua", "1ee9bb229dabffe151848d7efa3c10f748e1a1cf"),
        ("Cockos/Default_6.0_theme_adjuster.lua", "1cbf05b0c4f875518496f34a5ce45adefe05cb67"),
        (
            "ReaTeam Scripts/Envelopes/js_Envelope LFO generator and shaper.lua",
            "9f63e44f39e35280383c76dae910159f99e4d6bd",
        ),
        ("Saike Tools/SpectrumAnalyzer/LoadSpectrum.lua", "484e8164422fa1077f696f9825c0e0f71d5bbaae"),
    ],
)
def test_ids_are_those_that_reaper_gives(path: str, sha: str) -> None:
    assert command_id(path) == f"RS{sha}"


@pytest.mark.parametrize("before", ["", OTHERS, OTHERS.replace("\r\n", "\n")])
def test_the_action_comes_once_and_goes_again(before: str) -> None:
    after = with_action(before, SCRIPT)
    assert after == before + SCRIPT.line + ("\r\n" if "\r\n" in before else "\n")
    assert with_action(after, SCRIPT) == after
    assert without_action(after, SCRIPT) == before


def test_a_key_bound_to_the_action_goes_with_it() -> None:
    bound = with_action(OTHERS, SCRIPT) + f"KEY 9 76 _{SCRIPT.id} 0\r\n"
    assert with_action(bound, SCRIPT) == bound
    assert without_action(bound, SCRIPT) == OTHERS


def test_an_entry_goes_to_the_end_of_the_menu_of_items() -> None:
    after = with_entry(MENU, SCRIPT)
    assert after == MENU.replace("item_4=-3\r\n", f"item_4=-3\r\nitem_5=_{SCRIPT.id} Extract loops...\r\n")
    assert with_entry(after, SCRIPT) == after
    assert without_entry(after, SCRIPT) == MENU


def test_numbers_stay_contiguous_when_an_entry_in_the_middle_goes() -> None:
    moved = MENU.replace("item_1=-1", f"item_1=_{SCRIPT.id} Extract loops...\r\nitem_2=-1")
    for number in (4, 3, 2):  # those after it, which the user moved down
        moved = re.sub(rf"item_{number}=(-2 Group|40032|-3)", rf"item_{number + 1}=\1", moved)
    assert without_entry(moved, SCRIPT) == MENU


def test_without_a_menu_of_the_users_nothing_is_added() -> None:
    plain = "[Main toolbar]\r\nitem_0=40023 New\r\n"
    assert not has_menu(plain)
    assert with_entry(plain, SCRIPT) == plain
    assert with_entry("", SCRIPT) == ""
    assert without_entry(plain, SCRIPT) == plain


def test_a_gap_in_the_numbers_is_left_alone() -> None:
    gap = "[Media item context]\nitem_0=40009 A\nitem_7=40010 B\n"
    assert with_entry(gap, SCRIPT) == gap + f"item_8=_{SCRIPT.id} Extract loops...\n"


def test_lines_keep_their_own_ends() -> None:
    mixed = "KEY 1 65 40001 0\r\nKEY 1 66 40002 0\n\nKEY 1 67 40003 0\u2028x\x0c\r\n"
    assert with_action(mixed, SCRIPT) == mixed + SCRIPT.line + "\r\n"
    assert without_action(with_action(mixed, SCRIPT), SCRIPT) == mixed
    assert with_action("KEY 1 65 40001 0", SCRIPT) == f"KEY 1 65 40001 0\n{SCRIPT.line}\n"
    menu = MENU.replace("Items\r\n", "Items\u2028\n")
    assert without_entry(with_entry(menu, SCRIPT), SCRIPT) == menu


def test_a_menu_that_held_only_our_entry_goes_with_it() -> None:
    ours = f"[Main toolbar]\nitem_0=40023 New\n[Media item context]\nitem_0=_{SCRIPT.id} Extract loops...\n"
    assert without_entry(ours, SCRIPT) == "[Main toolbar]\nitem_0=40023 New\n"
    assert with_entry("[media item context]\n[Next]\n", SCRIPT).splitlines()[1].startswith("item_0=_RS")
