"""What one bad video can do to the others: nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from videotx.pipeline.encode import EncodedFrame, Probe, VideoFacts
from videotx.pipeline.isolation import DecoderProcess, Limits, VideoFailedError
from videotx.pipeline.recipe import Recipe

Tree = Callable[[Mapping[str, str]], Path]
MakeDecoder = Callable[..., DecoderProcess]
GOOD = "frames=4 size=64x48"
EXPECTED = Probe(64, 48, "", 4, fps=25.0, codec="h264")


def answers_of(decoder: DecoderProcess, path: Path, recipe: Recipe) -> list[EncodedFrame | VideoFacts]:
    return list(decoder.encode(str(path), recipe, EXPECTED))


def test_frames_and_facts_come_in_order(video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe) -> None:
    root = video_tree({"a": GOOD})
    *frames, facts = answers_of(stand_in(), root / "a", plain_recipe)
    assert [type(frame) for frame in frames] == [EncodedFrame] * 4
    assert isinstance(facts, VideoFacts)
    assert (facts.codec, facts.fps, facts.reader) == ("h264", 25.0, "libav")


def test_probing_reads_the_header(video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe) -> None:
    assert stand_in().probe(str(video_tree({"a": GOOD}) / "a"), plain_recipe) == EXPECTED


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("crash", "decoder_crashed", "SIGSEGV after 4 frames"),
        ("abort", "decoder_crashed", "SIGABRT after 4 frames"),
        ("raise", "unexpected_error", "ZeroDivisionError: a bug in a reader"),
        ("fail", "unreadable_container", "the index is damaged"),
        ("hang", "timed_out", "no frame came for 0.5 s after 4 frames"),
        ("eat", "memory_limit", "more than the 300 MiB allowed"),
    ],
)
def test_trouble_is_named_and_the_next_video_is_fine(  # noqa: PLR0917
    video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe, how: str, code: str, message: str
) -> None:
    root = video_tree({"bad": f"{GOOD} then={how}", "good": GOOD})
    decoder = stand_in(timeout_seconds=0.5 if how == "hang" else 30, memory_bytes=300 << 20)
    with pytest.raises(VideoFailedError) as caught:
        answers_of(decoder, root / "bad", plain_recipe)
    assert caught.value.code == code
    assert message in caught.value.message
    assert len(answers_of(decoder, root / "good", plain_recipe)) == 5


def test_trouble_in_a_header_is_named_too(video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe) -> None:
    root = video_tree({"bad": f"{GOOD} open=crash", "text": "hello"})
    decoder = stand_in()
    for name, code in (("bad", "decoder_crashed"), ("text", "not_a_video")):
        with pytest.raises(VideoFailedError) as caught:
            decoder.probe(str(root / name), plain_recipe)
        assert caught.value.code == code


def test_one_child_decodes_many_videos(video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe) -> None:
    root = video_tree({"a": GOOD, "b": f"{GOOD} then=fail", "c": GOOD})
    decoder = stand_in()
    answers_of(decoder, root / "a", plain_recipe)
    first = decoder.pid
    with pytest.raises(VideoFailedError):
        answers_of(decoder, root / "b", plain_recipe)
    answers_of(decoder, root / "c", plain_recipe)
    assert decoder.pid == first


def test_a_video_given_up_half_way_does_not_leak_into_the_next(
    video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe
) -> None:
    root = video_tree({"a": "frames=400 size=64x48 seed=1", "b": GOOD})
    decoder = stand_in()
    begun = decoder.encode(str(root / "a"), plain_recipe, EXPECTED)
    next(begun)
    begun.close()
    assert answers_of(decoder, root / "b", plain_recipe) == answers_of(stand_in(), root / "b", plain_recipe)


def test_a_video_of_another_size_than_planned_is_refused(
    video_tree: Tree, stand_in: MakeDecoder, plain_recipe: Recipe
) -> None:
    root = video_tree({"a": "frames=4 size=80x48"})
    with pytest.raises(VideoFailedError, match="expected 64x48 as planned, got 80x48") as caught:
        answers_of(stand_in(), root / "a", plain_recipe)
    assert caught.value.code == "size_changed"


def test_a_process_that_cannot_start_is_no_fault_of_the_video(plain_recipe: Recipe) -> None:
    decoder = DecoderProcess(Limits(), (sys.executable, "-c", "raise SystemExit('no such library')"))
    with pytest.raises(RuntimeError, match="did not start: no such library"):
        decoder.probe("any.mp4", plain_recipe)


def test_the_child_dies_with_its_parent(video_tree: Tree, tmp_path: Path) -> None:
    root = video_tree({"a": f"{GOOD} then=hang"})
    script = Path(__file__).with_name("stand_in_decoder.py")
    code = f"""
import sys
from videotx.pipeline.encode import Probe
from videotx.pipeline.isolation import DecoderProcess, Limits
from videotx.pipeline.recipe import Recipe
decoder = DecoderProcess(Limits(), (sys.executable, {str(script)!r}))
recipe = Recipe(streams=("motion",))
for item in decoder.encode({str(root / "a")!r}, recipe, Probe(64, 48, "", 4)):
    print(decoder.pid, flush=True)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
