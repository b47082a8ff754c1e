"""Strings of IR. Those beyond ASCII xDSL 0.74 prints with escaped bytes, and reads no string from that; on one that is
not closed its lexer tries all ways to cut it into pieces, which takes for ever.
"""

import re

from xdsl.context import Context
from xdsl.parser import Parser, ParserState
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind, StringLiteral


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


class _Lexer(MLIRLexer):
    """The same strings, cut in one way."""

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class Utf8Parser(Parser):
    """xDSL's parser, for which strings beyond ASCII are strings in generic form, too."""

    def __init__(self, ctx: Context, text: str, name: str = "<unknown>") -> None:
        super().__init__(ctx, "", name)
        self._parser_state = ParserState(_Lexer(Input(text, name)))

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
