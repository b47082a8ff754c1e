"""`wlm-opt`: xDSL's optimizer driver with our dialects, passes, machines and named pipelines."""

import argparse
import gc
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.xdsl_opt_main import xDSLOptMain

import wlm_dialect
from wlm_dialect.errors import UsageError
from wlm_dialect.files import PendingFile
from wlm_dialect.machine import MachineModel, load_machine
from wlm_dialect.program import set_module_machine
from wlm_dialect.tools.messages import BAD_INPUT, USER_ERRORS, describe, exit_code, guarded, report_error
from wlm_dialect.tools.output import STDOUT
from wlm_dialect.tools.pass_list import build_passes, list_passes, list_pipelines
from wlm_dialect.tools.pass_runner import PassRunner, timing_table
from wlm_dialect.tools.reader import PlacedParser, read_text
from wlm_dialect.tools.reproducer import write_reproducer
from wlm_dialect.universe import WLM_UNIVERSE

TOOL = "wlm-opt"


class WlmOptMain(xDSLOptMain):
    """One run of the tool. Results go to the output, everything else to standard error."""

    version_format = f"{TOOL} {wlm_dialect.__version__}, xdsl {{xdsl_version}}"

    def __init__(self, args: Sequence[str] | None = None) -> None:
        self.pending: PendingFile | None = None
        self.machine: MachineModel | None = None
        self.passes: tuple[ModulePass, ...] = ()
        self.text = ""
        self.offset = 0
        self.parser: PlacedParser | None = None
        super().__init__(
            "Check, lower and print task graphs; exit codes: 0 done, 1 bad input, 2 refuted, 3 undecided", args
        )

    def register_all_dialects(self) -> None:
        super().register_all_dialects()  # type: ignore[no-untyped-call]  # xDSL's
        for name, factory in WLM_UNIVERSE.all_dialects.items():
            if name not in self.ctx.registered_dialect_names:  # it is there already if we are installed
                self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        super().register_all_passes()  # type: ignore[no-untyped-call]  # xDSL's
        for name, factory in WLM_UNIVERSE.all_passes.items():
            self.available_passes.setdefault(name, factory)

    def register_all_frontends(self) -> None:
        self.available_frontends["mlir"] = self._parse_mlir

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.prog = TOOL
        add = arg_parser.add_argument
        add("--machine", metavar="NAME|FILE.toml", help="write this machine into the module before the first pass")
        add(
            "--pipeline",
            metavar="NAME",
            help="run a named pipeline instead of -p: firmware, partial, full, full{policy=pages}, ...",
        )
        add(
            "--list-passes",
            nargs="?",
            const="wlm",
            choices=("wlm", "all"),
            help="describe our passes (or all, xDSL's included) and the named pipelines, and stop",
        )
        add("--print-ir-before-all", action="store_true", help="print the IR before each pass, on standard error")
        add("--print-ir-after-all", action="store_true", help="print the IR after each pass, on standard error")
        add("--print-ir-after", metavar="PASS", action="append", default=[], help="print the IR after this pass")
        add("--timing", action="store_true", help="print a table of seconds per pass, on standard error")
        add(
            "--verify-each",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="write the IR after every pass and verify it, or only before the first and after the last; default: "
            "wherever there is IR, which passes that follow each other in phases graph and virtual do without",
        )
        add(
            "--verify-orders",
            action="store_true",
            help="after each pass, see that no order that the graph needs is lost",
        )
        add("--reproducer", metavar="FILE", help="where to write the reproducer of an internal failure")

    def setup_pipeline(self) -> None:
        """The passes, their names and options checked before anything is read."""
        args = self.args
        self.runner = PassRunner(
            not args.disable_verify,
            args.verify_each,
            args.print_ir_before_all,
            args.print_ir_after_all or args.print_between_passes,
            tuple(args.print_ir_after),
            args.verify_orders,
        )
        if args.machine is not None:
            self.machine = load_machine(args.machine)
        self.passes = build_passes(args.passes, self.available_passes)
        if args.pipeline is not None:
            if self.passes:
                raise UsageError("give either --pipeline or -p, not both")
            from wlm_dialect.passes.pipelines import build  # late: it imports every pass

            self.passes = build(args.pipeline)
        self.runner.check_names(self.passes)

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        if self.args.input_file in (None, STDOUT):
            self.args.input_file = None
            return BytesIO(sys.stdin.buffer.read()), "mlir"
        with open(self.args.input_file, "rb") as stream:
            return BytesIO(stream.read()), "mlir"  # whatever the file is called: there is no other front end

    def prepare_output(self) -> IO[str]:
        if self.args.output_file in (None, STDOUT):
            return sys.stdout
        self.pending = PendingFile(self.args.output_file)
        return self.pending.stream

    def parse_chunk(self, chunk: IO[bytes], file_extension: str, start_offset: int = 0) -> ModuleOp | None:
        self.text, self.offset = read_text(chunk, self._name()), start_offset
        module = super().parse_chunk(BytesIO(self.text.encode()), file_extension, start_offset)
        if module is not None and self.machine is not None:
            set_module_machine(module, self.machine)
        return module

    def _name(self) -> str:
        return self.args.input_file or "stdin"

    def _parse_mlir(self, stream: IO[bytes]) -> ModuleOp:
        self.parser = PlacedParser(self.ctx, stream.read().decode(), self._name())
        return self.parser.parse_module(not self.args.no_implicit_module)

    def apply_passes(self, prog: ModuleOp) -> None:
        self.runner.run(self.ctx, prog, self.passes)

    def execute(self) -> int:
        """Run; the exit code. Nothing but this writes the output file, and only when all went well."""
        if self.args.list_passes is not None:
            print(self._listing())
            return 0
        try:
            self.run()  # type: ignore[no-untyped-call]  # xDSL's
        except USER_ERRORS as error:
            if isinstance(error, VerifyException) and self.runner.doing == "verify" and self.runner.current:
                return self._internal(f"{self.runner.blamed()} left IR that does not verify: {describe(error)}")
            if isinstance(error, OSError) and error.filename is None:
                raise error if self.pending is None else self.pending.refused(error) from None
            return self._refuse(error)
        except Exception as error:  # whatever a pass does wrong: it keeps its traceback and gets a reproducer
            traceback.print_exc()
            where = f"in pass '{self.runner.current}'" if self.runner.current else "outside of any pass"
            return self._internal(f"internal error {where}: {type(error).__name__}: {error}")
        else:
            if self.pending is not None:
                self.pending.commit()
            if self.args.timing or self.args.time_passes:
                print(timing_table(self.runner.seconds), file=sys.stderr)
            return 0
        finally:
            if self.pending is not None:
                self.pending.abort()

    def _refuse(self, error: BaseException) -> int:
        if isinstance(error, VerifyException) and self.parser is not None and not self.runner.current:
            span = self.parser.place_of(error)
            if span is not None:
                return report_error(TOOL, ParseError(replace(span, line_offset=self.offset), str(error)))
        place = f"in pass '{self.runner.current}'" if self.runner.current else ""
        code = exit_code(error)
        print(f"{TOOL}: error: {describe(error, place)}", file=sys.stderr)
        return code

    def _internal(self, failure: str) -> int:
        """Say what failed, and write a reproducer if the input could be read at all."""
        print(f"{TOOL}: error: {failure}", file=sys.stderr)
        if not self.runner.current:
            return BAD_INPUT
        again = self.parse_chunk(BytesIO(self.text.encode()), "mlir")
        assert again is not None
        path = write_reproducer(self.args.reproducer, again, self.passes, failure)
        print(f"{TOOL}: note: this is a bug; reproducer written to {path}", file=sys.stderr)
        return BAD_INPUT

    def _listing(self) -> str:
        table = self.available_passes if self.args.list_passes == "all" else WLM_UNIVERSE.all_passes
        return f"passes:\n{list_passes(table)}\n\npipelines (--pipeline NAME):\n{list_pipelines(_pipelines())}"


def _pipelines() -> Mapping[str, Callable[[], tuple[ModulePass, ...]]]:
    from wlm_dialect.passes.pipelines import PIPELINES  # late: it imports every pass

    return PIPELINES


def main(argv: Sequence[str] | None = None) -> int:
    """The tool; the exit code. `argv` without the name of the program."""
    gc.set_threshold(100_000, 10, 10)  # IR is a heap of cycles: the default makes everything twice as slow
    post_init = Attribute.__post_init__
    try:
        return guarded(TOOL, lambda: WlmOptMain(argv).execute())
    finally:
        setattr(Attribute, "__post_init__", post_init)  # --disable-verify replaces it for the whole process


if __name__ == "__main__":
    sys.exit(main())
