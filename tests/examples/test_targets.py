"""Losses and measures against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metrics import average_precision, class_accuracy, confusion, in_top, mean_over_classes
from predict import Predictions, summary
from targets import Targets

SINGLE = Targets("single", {"label": 3})
MULTIPLE = Targets("multiple", {"label": 3})
VERB_NOUN = Targets("verb_noun", {"verb": 2, "noun": 3})


def test_one_class() -> None:
    logits, label = torch.randn(4, 3), torch.tensor([2, 0, 1, 1])
    rows = SINGLE.encode(label)
    torch.testing.assert_close(SINGLE.loss(logits, rows), F.cross_entropy(logits, label))
    smoothed = F.cross_entropy(logits, label, label_smoothing=0.1)
    torch.testing.assert_close(SINGLE.loss(logits, rows, 0.1), smoothed)
    torch.testing.assert_close(SINGLE.hits(logits, rows), (logits.argmax(1) == label).float().mean())
    assert SINGLE.num_classes == 3


def test_a_blend_of_two_classes_costs_the_blend_of_their_losses() -> None:
    logits, label = torch.randn(4, 3), torch.tensor([2, 0, 1, 1])
    rows = SINGLE.encode(label)
    blended = 0.3 * rows + 0.7 * rows.flip(0)
    expected = 0.3 * F.cross_entropy(logits, label) + 0.7 * F.cross_entropy(logits, label.flip(0))
    torch.testing.assert_close(SINGLE.loss(logits, blended), expected)


def test_several_classes() -> None:
    logits, label = torch.randn(2, 3), torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    p = logits.sigmoid()
    expected = -(label * p.log() + (1 - label) * (1 - p).log()).mean()
    torch.testing.assert_close(MULTIPLE.loss(logits, MULTIPLE.encode(label)), expected)


def test_verb_and_noun() -> None:
    outputs = {"verb": torch.tensor([[2.0, 0.0], [0.0, 1.0]]), "noun": torch.tensor([[0.0, 0.0, 3.0], [1.0, 0.0, 0.0]])}
    label = torch.tensor([[0, 2], [1, 1]])
    rows = VERB_NOUN.encode(label)
    assert rows.tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 1, 0]]
    expected = (F.cross_entropy(outputs["verb"], label[:, 0]) + F.cross_entropy(outputs["noun"], label[:, 1])) / 2
    torch.testing.assert_close(VERB_NOUN.loss(outputs, rows), expected)
    assert VERB_NOUN.hits(outputs, rows) == 0.5  # the second noun is wrong
    assert VERB_NOUN.num_classes == {"verb": 2, "noun": 3}


def test_half_precision_logits_give_float32_losses() -> None:
    loss = SINGLE.loss(torch.full((1, 3), 60000.0, dtype=torch.float16), SINGLE.encode(torch.tensor([0])))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(3))


def test_top_k_counts_ties_in_the_order_of_the_classes() -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])
    label = np.array([2, 0, 1])
    assert in_top(scores, label, 1).tolist() == [False, True, False]
    assert in_top(scores, label, 2).tolist() == [True, True, True]


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(6)), elements=st.integers(0, 3)), st.data())
def test_the_first_of_top_k_is_the_prediction(scores: np.ndarray, data: st.DataObject) -> None:
    label = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(scores), max_size=len(scores))))
    assert np.array_equal(in_top(scores, label, 1), scores.argmax(1) == label)
    assert in_top(scores, label, 6).all()


def test_confusion_and_class_accuracy() -> None:
    scores = np.eye(3)[[0, 0, 1, 1, 0]]
    matrix = confusion(scores, np.array([0, 0, 1, 0, 1]))
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(class_accuracy(matrix), [2 / 3, 1 / 2, np.nan])


def test_average_precision() -> None:
    scores = np.array([[0.9], [0.8], [0.7], [0.6]])
    # The classic example: found at ranks 1 and 3, precisions 1 and 2/3.
    assert average_precision(scores, np.array([[1], [0], [1], [0]])) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(average_precision(scores, np.zeros((4, 1)))).all()
    # All equal: one step, and the precision is the share of positives.
    assert average_precision(np.ones((4, 1)), np.array([[1], [0], [1], [0]])) == pytest.approx(0.5)


def test_a_mean_over_classes_without_videos_is_not_known() -> None:
    assert mean_over_classes(np.array([0.5, np.nan, 1.0])) == 0.75
    assert np.isnan(mean_over_classes(np.array([np.nan, np.nan])))


def test_a_summary_of_verbs_and_nouns_has_actions() -> None:
    scores = {"verb": np.array([[0.9, 0.1], [0.2, 0.8]]), "noun": np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])}
    found = summary(Predictions(np.arange(2), np.array([[0, 2], [1, 1]]), scores), VERB_NOUN)
    assert (found["verb_top1"], found["noun_top1"], found["action_top1"]) == (100.0, 50.0, 50.0)
    assert found["noun_class_accuracy"] == 50.0


def test_a_summary_of_several_classes_is_their_map() -> None:
    found = summary(Predictions(np.arange(2), np.array([[1.0, 0, 1], [0, 0, 1]]), {"label": np.eye(3)[:2]}), MULTIPLE)
    assert found == {"map": pytest.approx(100 * (1.0 + 1.0) / 2)}
