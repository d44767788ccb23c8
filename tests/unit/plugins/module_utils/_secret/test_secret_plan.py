# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done with a secret, and how far a change of its value has come."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._secret import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._secret.plan import Found
from ansible_collections.podforge.hyperpod.plugins.module_utils._secret.plan import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._secret.plan import SecretError

ARN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:s-abcdef"
A = {"username": "ReadOnly", "bind_dn": "CN=ReadOnly,DC=x"}
B = {"username": "ReadOnly2", "bind_dn": "CN=ReadOnly2,DC=x"}
VALUE = {**A, "password": "old"}
PLAIN = Found(ARN, stages={"1": ["AWSCURRENT"]}, values={"AWSCURRENT": VALUE})
PREPARED = Found(
    ARN,
    stages={"1": ["AWSCURRENT"], "2": ["AWSPENDING"]},
    values={"AWSCURRENT": VALUE, "AWSPENDING": {**B, "password": "n"}},
)
ROLLING = Found(
    ARN, stages={"2": ["AWSCURRENT", "AWSPENDING"], "1": ["AWSPREVIOUS"]}, values={"AWSCURRENT": B, "AWSPENDING": B}
)
EMPTY = Found(ARN)
DELETED = Found(ARN, deleted=True, stages={"1": ["AWSCURRENT"]})


@pytest.mark.parametrize(
    ("found", "state"),
    [(None, "none"), (EMPTY, "none"), (PLAIN, "none"), (PREPARED, "prepared"), (ROLLING, "rolling_out")],
)
def test_the_labels_tell_how_far_it_is(found, state):
    assert plan.rotation(found) == state


def test_a_new_secret_gets_a_random_password():
    made = plan.plan_present(None, A, {}, {"a": "1"}).create
    assert made is not None
    assert {**made, "password": ""} == {**A, "password": ""}
    assert len(made["password"]) == plan.LENGTH
    assert made["password"] != plan.plan_present(None, A, {}, {}).create["password"]


def test_a_new_secret_takes_what_is_given():
    assert plan.plan_present(None, A, {"password": "mine"}, {}).create == {**A, "password": "mine"}


def test_a_value_that_is_there_stays():
    assert plan.plan_present(PLAIN, B, {"password": "other"}, {}) == Plan()
    assert plan.plan_present(ROLLING, A, {}, {}) == Plan()


def test_a_secret_without_a_value_gets_one():
    todo = plan.plan_present(EMPTY, A, {"password": "mine"}, {})
    assert todo == Plan(put=("AWSCURRENT", {**A, "password": "mine"}))


def test_only_tags_that_differ_are_set():
    found = Found(ARN, stages=PLAIN.stages, tags={"a": "1", "b": "2"})
    assert plan.plan_present(found, A, {}, {"a": "1", "b": "3", "c": "4"}).tags == {"b": "3", "c": "4"}


def test_a_secret_that_is_scheduled_for_deletion_is_restored():
    assert plan.plan_present(DELETED, A, {}, {}) == Plan(restore=True)


@pytest.mark.parametrize(("current", "turn"), [(A, B), (B, A), ({**A, "username": "READONLY"}, B), ({}, B)])
def test_the_other_account_gets_a_new_password(current, turn):
    found = Found(ARN, stages=PLAIN.stages, values={"AWSCURRENT": {**current, "password": "old", "more": 1}})
    stage, value = plan.plan_pending(found, "s", [A, B]).put or ("", {})
    assert stage == "AWSPENDING"
    assert {key: text for key, text in value.items() if key != "password"} == {**turn, "more": 1}
    assert value["password"] != "old"


def test_nothing_is_prepared_twice():
    assert plan.plan_pending(PREPARED, "s", [A, B]) == Plan()
    assert plan.plan_pending(ROLLING, "s", [A, B]) == Plan()


def test_an_account_that_does_not_take_turns_is_named():
    with pytest.raises(SecretError, match=r"account readonly, which is none of those .*One, Two.*Fix"):
        plan.plan_pending(PLAIN, "s", [{**A, "username": "One"}, {**B, "username": "Two"}])


@pytest.mark.parametrize(
    ("found", "current", "settled"),
    [(PLAIN, Plan(), Plan()), (PREPARED, Plan(promote=True), None), (ROLLING, Plan(), Plan(settle=True))],
)
def test_the_steps_after_it(found, current, settled):
    assert plan.plan_current(found, "s") == current
    if settled is None:
        with pytest.raises(SecretError, match=r"not current yet.*Fix: state current first"):
            plan.plan_settled(found, "s")
    else:
        assert plan.plan_settled(found, "s") == settled


@pytest.mark.parametrize("found", [None, DELETED, EMPTY])
def test_a_change_takes_a_secret_with_a_value(found):
    for step in (lambda: plan.plan_pending(found, "s", [A, B]), lambda: plan.plan_current(found, "s")):
        with pytest.raises(SecretError, match=r"s( has no value)?\. Fix: state present first"):
            step()


@pytest.mark.parametrize(("found", "delete"), [(None, False), (DELETED, False), (PLAIN, True), (EMPTY, True)])
def test_absent(found, delete):
    assert plan.plan_absent(found).delete is delete


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ('{"username": "x", "password": "p"}', {"username": "x", "password": "p"}),
        ("p@ss", {"password": "p@ss"}),
        ("123", {"password": "123"}),
        ('["x"]', {"password": '["x"]'}),
    ],
)
def test_a_text_that_is_no_object_is_a_password(text, value):
    assert plan.value_of(text) == value


def test_only_names_are_shown():
    assert plan.shown({**VALUE, "private_key": "k"}) == A
    assert plan.shown(None) is None


def test_passwords_have_all_kinds_of_characters():
    for _number in range(200):
        password = plan.new_password()
        assert password[0].isalnum()
        assert any(letter.islower() for letter in password)
        assert any(letter.isupper() for letter in password)
        assert any(letter.isdigit() for letter in password)
        assert any(letter in "-_.~" for letter in password)
        assert all(letter.isalnum() or letter in "-_.~" for letter in password)
