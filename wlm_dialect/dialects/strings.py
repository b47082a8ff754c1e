"""Strings beyond ASCII. xDSL prints their bytes as escapes, and reads a string with such escapes as no string."""

from xdsl.parser import Parser
from xdsl.utils.mlir_lexer import MLIRTokenKind, StringLiteral


def parse_label(parser: Parser) -> str:
    """A string as any xDSL prints it."""
    start = parser.pos
    data = parser.parse_optional_bytes_literal()
    if data is None:
        return parser.parse_str_literal()
    try:
        return data.decode()
    except UnicodeDecodeError:
        parser.raise_error("a label is UTF-8 text", start, parser.pos)


class Utf8Parser(Parser):
    """xDSL's parser, for which strings beyond ASCII are strings in generic form, too."""

    def parse_optional_str_literal(self) -> str | None:
        """A string, its bytes escaped or not; None also for bytes that are no UTF-8."""
        literal = super().parse_optional_str_literal()
        if literal is None and self._current_token.kind is MLIRTokenKind.BYTES_LIT:
            try:
                literal = StringLiteral.from_span(self._current_token.span).bytes_contents.decode()
            except UnicodeDecodeError:
                return None
            self._consume_token(MLIRTokenKind.BYTES_LIT)
        return literal
