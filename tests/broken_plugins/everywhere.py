"""Faults that backends of every port can have: they end the program, or change the process."""

from tests.broken_plugins.fault import COUNTED, ENDS, LEFT_OUT, REFUSED, STDERR, UNDONE, Fault

PATHS = "test_its_paths_lead_to_a_backend_of_its_port"
MADE = "test_it_can_be_made_without_what_it_needs_and_prints_nothing"
LEAVES = "test_it_leaves_the_process_as_it_was"

ENDINGS = {
    "raises": ("raises an error", "raise RuntimeError('odd')"),
    "exits-0": ("calls sys.exit(0)", "sys.exit(0)"),
    "exits-3": ("calls sys.exit(3)", "sys.exit(3)"),
    "interrupts": ("raises KeyboardInterrupt", "raise KeyboardInterrupt"),
    "ends-0": ("calls os._exit(0)", "os._exit(0)"),
    "odd-base": ("raises a BaseException of its own", "raise type('Odd', (BaseException,), {})('odd')"),
}
CHANGES = {
    "chdir": ("changes the working directory", "os.chdir(tempfile.mkdtemp())"),
    "sets-variable": ("sets a variable of the environment", "os.environ['ODD'] = str(time.monotonic_ns())"),
    "deletes-variable": ("deletes a variable of the environment", "os.environ.pop('PATH', None)"),
    "locale": ("sets the locale", "locale.setlocale(locale.LC_ALL, 'C.UTF-8')"),
    "umask": ("sets the umask", "os.umask(0o111)"),
    "signal": ("takes over a signal", "signal.signal(signal.SIGUSR1, lambda *_: None)"),
    "warnings": ("silences warnings", "warnings.filterwarnings('ignore', message=str(time.monotonic_ns()))"),
    "random": ("seeds the random generator", "random.seed(time.monotonic_ns())"),
}
THREAD = "threading.Thread(target=time.sleep, args=(2.5,)).start()"
PRINT = "print('odd')"


def faults(port: str) -> list[Fault]:
    """Return the faults for a port."""
    found = [
        Fault(f"{place}-{name}", f"{text} {WHEN[place]}", place, code, _refused(port, place), _ending(name, place))
        for place in WHEN
        for name, (text, code) in ENDINGS.items()
    ]
    for place in WHEN:
        for name, (text, code) in CHANGES.items():
            if name == "random" and place == "method" and port in ("tuner", "compressor"):
                continue
            test = LEAVES if place == "method" else MADE
            found.append(Fault(f"{place}-{name}", f"{text} {WHEN[place]}", place, code, UNDONE, test))
    found += [
        Fault(f"{place}-prints", f"prints {WHEN[place]}", place, PRINT, STDERR, _printed(port, place)) for place in WHEN
    ]
    found.append(Fault("method-thread", "leaves a thread behind", "method", THREAD, ENDS, LEAVES))
    return found


WHEN = {"import": "when it is imported", "constructor": "when it is made", "method": "while it works"}


def _refused(port: str, place: str) -> str:
    return LEFT_OUT if (port, place) == ("monitor", "method") else REFUSED


def _ending(name: str, place: str) -> str:
    if name in ("interrupts", "ends-0"):
        return COUNTED
    return LEAVES if place == "method" else PATHS


def _printed(port: str, place: str) -> str:
    if place != "method":
        return MADE
    return "test_it_says_nothing_on_standard_output" if port == "monitor" else LEAVES
