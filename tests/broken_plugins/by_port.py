"""Faults of each port: what its methods return, what they do to their input, and how they are called."""

from tests.broken_plugins.everywhere import LEAVES, faults
from tests.broken_plugins.fault import COPIES, LEFT_OUT, REFUSED, SILENT, UNSEEN, Fault


def _returns(name: str, text: str, code: str, contract: str, method: str = "", base: str = "") -> Fault:
    """Return a fault of a method's result; ``usual`` is the fake's, with the arguments in ``given``."""
    return Fault(name, f"returns {text}", "instead", code, REFUSED, contract, method, base)


ROWS = "test_every_row_is_an_example_or_a_rejection_with_its_place"
CANONICAL = "test_every_example_is_canonical"
ORDER = "test_rows_come_in_the_same_order_every_time"
FINGERPRINT = "test_its_fingerprint_is_a_short_text_that_stays"
SOURCE = [
    _returns("no-iterator", "None for rows", "return None", ORDER),
    _returns("tuples", "tuples for rows", "return iter([(1, 2)] * 9)", ROWS),
    _returns("texts", "texts for rows", "return iter(['a', 'b'] * 9)", ROWS),
    _returns("placeless", "rows without a place", "return (evolve(row, where='') for row in usual())", ROWS),
    _returns("placed-oddly", "rows whose place is a number", "return (evolve(row, where=7) for row in usual())", ROWS),
    _returns("both", "rows with messages and text", "return (evolve(row, text='t') for row in usual())", CANONICAL),
    _returns(
        "neither", "rows without content", "return (evolve(row, messages=(), text='') for row in usual())", CANONICAL
    ),
    _returns(
        "objects",
        "rows that are no JSON",
        "return (evolve(row, metadata={'o': object()}) for row in usual())",
        CANONICAL,
    ),
    _returns(
        "numbers",
        "turns whose content is a number",
        "return (evolve(row, messages=(evolve(row.messages[0], content=7),)) for row in usual())",
        CANONICAL,
    ),
    _returns("reasonless", "a rejection without a reason", "return iter([*usual(), Rejection('f:99', '')])", ROWS),
    _returns("breaks-off", "rows, and then raises", "yield from list(usual())[:2]\nraise RuntimeError('odd')", ORDER),
    _returns("exits-late", "rows, and then exits", "yield from list(usual())[:2]\nsys.exit(0)", ORDER),
    _returns("number-for-text", "a number for its fingerprint", "return 7", FINGERPRINT, "fingerprint"),
    Fault("signature", "takes no context", "signature", "", REFUSED, ORDER),
    Fault(
        "order",
        "reads its rows in another order each time",
        "instead",
        "rows = list(usual()); random.Random(time.monotonic_ns()).shuffle(rows); return iter(rows)",
        UNSEEN,
        ORDER,
    ),
]

EVERY_ROW = "test_it_says_something_of_every_row"
STAYS, STATES, TEXT = (
    "test_a_row_stays_where_it_was_read",
    "test_what_it_drops_has_a_state_and_a_reason",
    "test_what_goes_on_survives_json",
)
SET, SPLIT = "FakeSetOperator", "FakeSplit"
OPERATOR = [
    _returns("nothing", "None for outcomes", "return None", EVERY_ROW),
    _returns("fewer", "fewer outcomes than rows", "return list(usual())[1:]", EVERY_ROW),
    _returns("more", "more outcomes than rows", "return [*usual(), *usual()]", EVERY_ROW),
    _returns("flags", "True for a row that goes on", "return [True for _ in usual()]", EVERY_ROW),
    _returns("texts", "texts for rows", "return ['a' for _ in usual()]", EVERY_ROW),
    _returns("moved", "rows with another place", "return [evolve(row, where='x:1') for row in given[0]]", STAYS),
    _returns("regrouped", "rows with another group", "return [evolve(row, group='g') for row in given[0]]", STAYS),
    _returns("stateless", "a state that nobody knows", "return [Dropped('bad', 'because') for _ in usual()]", STATES),
    _returns("reasonless", "a drop without a reason", "return [Dropped('filtered', '') for _ in usual()]", STATES),
    _returns(
        "objects", "rows that are no JSON", "return [evolve(row, metadata={'o': object()}) for row in given[0]]", TEXT
    ),
    Fault(
        "scribbles",
        "changes its rows in place",
        "instead",
        "for row in given[0]: row.metadata['odd'] = True\nreturn list(given[0])",
        COPIES,
        "test_rows_are_only_read",
    ),
    Fault("signature", "takes no context", "signature", "", REFUSED, EVERY_ROW),
    _returns("short-keys", "keys that are too short", "return b'1'", EVERY_ROW, "keys", SET),
    _returns("text-keys", "keys that are text", "return 'x' * 16 * len(given[0])", EVERY_ROW, "keys", SET),
    _returns("few-fates", "fewer decisions than rows", "return iter(list(usual())[1:])", EVERY_ROW, "decide", SET),
    _returns("many-fates", "more decisions than rows", "return iter([*usual(), Fate()])", EVERY_ROW, "decide", SET),
    _returns("odd-fates", "decisions that are none", "return iter([True for _ in usual()])", EVERY_ROW, "decide", SET),
    _returns(
        "far-fates",
        "rows that repeat a row that is not there",
        "return iter([Fate('duplicate', 'r', 10**6) for _ in usual()])",
        STATES,
        "decide",
        SET,
    ),
    _returns(
        "odd-split",
        "a split that nobody knows",
        "return 'dev'",
        "test_a_split_depends_on_the_key_alone",
        "place",
        SPLIT,
    ),
]

SAYS, RANGE, RECORDS = (
    "test_every_metric_says_what_it_is",
    "test_every_metric_stays_within_its_range",
    "test_every_example_that_was_measured_has_a_record",
)
JSON = "test_the_report_survives_json"


def _report(name: str, text: str, change: str, contract: str) -> Fault:
    return _returns(name, text, f"report = usual(); return evolve(report, {change})", contract)


def _metric(name: str, text: str, change: str, contract: str = SAYS) -> Fault:
    return _report(name, text, f"metrics=tuple(evolve(one, {change}) for one in report.metrics)", contract)


EVALUATOR = [
    _returns("nothing", "None for a report", "return None", SAYS),
    _returns("dict", "a dict for a report", "return {'metrics': []}", SAYS),
    _report("no-metrics", "a report without metrics", "metrics=()", SAYS),
    _report("twice", "two metrics with one name", "metrics=report.metrics * 2", SAYS),
    _report("no-records", "a report without records", "records=()", RECORDS),
    _report("placeless", "records without a place", "records=({},) * len(report.records)", RECORDS),
    _report(
        "objects", "records that are no JSON", "records=tuple({**one, 'o': object()} for one in report.records)", JSON
    ),
    _report("odd-name", "a name that is a path", "evaluator='../odd'", SAYS),
    _report("odd-notes", "notes that are numbers", "notes={'n': 1}", JSON),
    _metric("too-much", "a share of 2", "value=2.0, low=None, high=None", RANGE),
    _metric("nan", "a figure that is not a number", "value=float('nan')"),
    _metric("text", "a figure that is text", "value='1'"),
    _metric("negative-count", "a negative number of examples", "n=-1"),
    _metric("unitless", "a metric without a unit", "unit=''"),
    _metric("nameless", "a metric without a name", "name=''"),
    _metric("up", "a direction that nobody knows", "direction='up'"),
    _metric("out-of-bounds", "a figure outside of its bounds", "low=0.0, high=0.1, value=0.5"),
    _metric("negative-error", "a negative standard error", "stderr=-1.0, low=None, high=None"),
    Fault(
        "odd-cost",
        "returns a number for its requests",
        "instead",
        "return 7",
        SILENT,
        "test_it_asks_no_more_than_it_says",
        "asks",
    ),
    Fault(
        "scribbles",
        "changes its examples",
        "instead",
        "for example in given[1]: example.metadata['odd'] = True\nreturn usual()",
        COPIES,
        "test_examples_are_only_read",
    ),
    Fault("signature", "takes no context", "signature", "", REFUSED, SAYS),
]

PLAN, TUNED = "test_its_plan_is_the_same_without_its_backend", "test_it_says_what_it_tuned"
TUNER = [
    _returns("no-plan", "None for its plan", "return None", PLAN, "plan"),
    _returns("negative-plan", "negative memory", "return evolve(usual(), memory={'train': -1})", PLAN, "plan"),
    _returns("text-plan", "text for parameters", "return evolve(usual(), trained_parameters='1')", PLAN, "plan"),
    _returns("half-steps", "half a step", "return evolve(usual(), steps=0.5)", PLAN, "plan"),
    _returns("nothing", "None for a draft", "return None", TUNED),
    _returns("path", "a path for a draft", "return given[-1].out", TUNED),
    _returns("other-format", "a format that it did not announce", "return evolve(usual(), format='gguf')", TUNED),
    _returns("odd-kind", "a kind that is a path", "return evolve(usual(), kind='../odd')", TUNED),
    _returns("objects", "facts that are no JSON", "return evolve(usual(), facts={'o': object()})", TUNED),
    _returns(
        "fileless",
        "a draft without files",
        "draft = usual()\nfor path in given[-1].out.iterdir(): path.unlink()\nreturn draft",
        TUNED,
    ),
    Fault("signature", "takes no context", "signature", "", REFUSED, LEAVES),
]

MADE_IT = "test_it_says_what_it_made"
SUPPORTS = "test_what_it_supports_is_said_without_its_backend"
COMPRESSOR = [
    _returns("flag", "True for its verdict", "return True", SUPPORTS, "supports"),
    _returns("text-verdict", "a verdict whose reasons are one text", "return Verdict('no')", SUPPORTS, "supports"),
    _returns("nothing", "None for a draft", "return None", MADE_IT),
    _returns("other-format", "a format that it did not announce", "return evolve(usual(), format='gguf')", MADE_IT),
    _returns("odd-kind", "a kind that is a path", "return evolve(usual(), kind='../odd')", MADE_IT),
    _returns("objects", "facts that are no JSON", "return evolve(usual(), facts={'o': object()})", MADE_IT),
    _returns(
        "fileless",
        "a draft without files",
        "draft = usual()\nfor path in given[-1].out.iterdir(): path.unlink()\nreturn draft",
        MADE_IT,
    ),
    Fault(
        "scribbles",
        "changes the calibration rows",
        "instead",
        "for row in given[1]: row.metadata['odd'] = True\nreturn usual()",
        COPIES,
        "test_the_model_is_only_read",
    ),
    Fault("signature", "takes no context", "signature", "", REFUSED, MADE_IT),
]

COMMAND = "test_its_command_stays_on_the_address_that_it_was_given"


def _launch(name: str, text: str, change: str) -> Fault:
    return _returns(name, text, f"return evolve(usual(), {change})", COMMAND)


SERVER = [
    _returns("flag", "True for its verdict", "return True", SUPPORTS, "supports"),
    _returns("text-verdict", "a verdict whose reasons are one text", "return Verdict('no')", SUPPORTS, "supports"),
    _returns("nothing", "None for its command", "return None", COMMAND),
    _returns("text", "a text for its command", "return 'python -m server'", COMMAND),
    _launch("no-argv", "an empty command", "argv=()"),
    _launch("numbers", "a command with numbers", "argv=(*usual().argv, 8000)"),
    _launch("nameless", "no name of the served model", "served_name=''"),
    _launch("odd-path", "a health path without a slash", "health_path='health'"),
    _launch("no-time", "no time to start in", "start_timeout=0.0"),
    _launch("odd-variables", "variables that are numbers", "env={'PORT': 8000}"),
    Fault("signature", "takes no address", "signature", "", REFUSED, COMMAND),
]

EVENTS = "test_it_takes_every_kind_of_event"
CLOSES = "test_closing_is_possible_at_any_time_and_twice"
MONITOR = [
    Fault("opens-badly", "raises when it is opened", "before", "raise RuntimeError('odd')", LEFT_OUT, EVENTS, "open"),
    Fault("exits-opening", "exits when it is opened", "before", "sys.exit(0)", LEFT_OUT, EVENTS, "open"),
    Fault("closes-badly", "raises when it is closed", "before", "raise RuntimeError('odd')", LEFT_OUT, CLOSES, "close"),
    Fault("exits-closing", "exits when it is closed", "before", "sys.exit(0)", LEFT_OUT, CLOSES, "close"),
    Fault(
        "scribbles", "changes the events", "before", "given[0].data['odd'] = True", COPIES, "test_events_are_only_read"
    ),
    Fault("signature", "takes no event", "signature", "", LEFT_OUT, EVENTS),
]

OWN = {
    "data_source": SOURCE,
    "data_operator": OPERATOR,
    "tuner": TUNER,
    "evaluator": EVALUATOR,
    "compressor": COMPRESSOR,
    "server": SERVER,
    "monitor": MONITOR,
}


def all_faults() -> list[tuple[str, Fault]]:
    """Return every fault with its port."""
    return [(port, fault) for port, own in OWN.items() for fault in (*faults(port), *own)]
