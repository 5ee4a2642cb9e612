"""The agenda of the loop: each name has one time, and the earliest is found without looking at all."""

from random import Random

from teal.reconcile.agenda import Agenda


def test_an_empty_agenda_has_no_first_time() -> None:
    assert Agenda().find_first() is None
    assert Agenda().take_due(100.0) == []


def test_the_time_set_last_counts() -> None:
    agenda = Agenda()
    agenda.set("a", 1.0)
    agenda.set("a", 5.0)
    assert agenda.find_first() == 5.0
    agenda.set("a", 2.0)
    assert agenda.find_first() == 2.0
    assert agenda.take_due(1.9) == []
    assert agenda.take_due(2.0) == ["a"]


def test_names_that_are_taken_keep_their_times_until_new_ones_are_set() -> None:
    agenda = Agenda()
    agenda.set("late", 2.0)
    agenda.set("early", 1.0)
    assert agenda.take_due(2.0) == ["early", "late"]
    assert agenda.take_due(2.0) == ["early", "late"]
    agenda.set("early", 9.0)
    assert agenda.take_due(2.0) == ["late"]


def test_a_name_that_is_forgotten_does_not_come_up_again() -> None:
    agenda = Agenda()
    agenda.set("a", 1.0)
    agenda.forget("a")
    assert agenda.find_first() is None
    assert list(agenda) == []
    agenda.set("a", 1.0)
    assert agenda.take_due(1.0) == ["a"]


def test_it_agrees_with_looking_at_every_name() -> None:
    random = Random(1)
    agenda, plain = Agenda(), dict[str, float]()
    for now in range(500):
        name = f"n{random.randrange(20)}"
        if random.random() < 0.2:
            agenda.forget(name)
            plain.pop(name, None)
        else:
            plain[name] = float(now + random.randrange(-5, 20))
            agenda.set(name, plain[name])
        assert agenda.find_first() == min(plain.values(), default=None)
        assert set(agenda.take_due(now)) == {name for name, at in plain.items() if at <= now}
        assert len(agenda) == len(plain)
