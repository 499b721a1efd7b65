"""The list of mutants, and the tree in which all of them are compiled, each switched on at run time."""

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path


class ListError(Exception):
    pass


@dataclass
class Mutant:
    id: str
    room: str
    file: str
    line: int  # of the list
    before: str = ''
    after: str = ''
    anchor: str = ''
    equivalent: str = ''  # why no test can find it
    number: int = 0
    span: tuple[int, int] = (0, 0)
    parts: list = field(default_factory=list)  # mutants inside this one's original

    def is_statement(self):
        return self.before.endswith((';', '}'))

    def where(self):
        return f'{self.file}: {self.id}'


def read_list(directory):
    """All mutants of the .txt files of a directory. Each keeps its number when others come and go."""
    mutants = []
    for path in sorted(directory.glob('*.txt')):
        mutants += read_file(path)
    seen = {}
    for m in mutants:
        m.number = zlib.crc32(m.id.encode()) % 1_000_000_000 + 1
        if m.number in seen:
            raise ListError(f'{m.id} is there twice, or has the number of {seen[m.number].id}')
        seen[m.number] = m
    return mutants


def read_file(path):
    """A file is a room. Its lines, each with its mark and a blank in front of the text:
    `FILE` without a mark: where the next mutants are;  `= ID` begins one;  `@` text that comes before it in the
    file;  `-` the original;  `+` what it becomes (absent: nothing);  `!` why no test can find it;  `#` comment."""
    mutants, file = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        mark, text = line[:1], line[2:]
        here = f'{path.name}:{number}'
        if not line.strip() or mark == '#':
            continue
        if mark not in '=@-+!' or line[1:2] not in ('', ' '):
            file = line.strip()
        elif mark == '=':
            if file is None:
                raise ListError(f'{here}: no file was named')
            mutants.append(Mutant(id=text.strip(), room=path.stem, file=file, line=number))
        elif not mutants:
            raise ListError(f'{here}: no mutant was begun')
        else:
            name = {'@': 'anchor', '-': 'before', '+': 'after', '!': 'equivalent'}[mark]
            old = getattr(mutants[-1], name)
            setattr(mutants[-1], name, f'{old}\n{text}' if old else text)
    return mutants


def pattern(snippet):
    """Matches the snippet however its white space is broken into lines."""
    return r'\s+'.join(re.escape(word) for word in snippet.split())


def locate(m, text):
    """The place of the original, which must be the only one behind the anchor, or the first one behind it."""
    begin = 0
    if m.anchor:
        anchors = list(re.finditer(pattern(m.anchor), text))
        if len(anchors) != 1:
            raise ListError(f'{m.where()}: the anchor is there {len(anchors)} times: {m.anchor}')
        begin = anchors[0].start()
    found = [at for at in re.finditer(pattern(m.before), text) if at.start() >= begin]
    if not found or (len(found) > 1 and not m.anchor):
        raise ListError(f'{m.where()}: the original is there {len(found)} times: {m.before}')
    return found[0].span()


def has_comma(expression):
    depth = 0
    for c in re.sub(r'->|[<>]=| [<>] ', '', expression):
        depth += (c in '([{<') - (c in ')]}>')
        if c == ',' and depth == 0:
            return True
    return False


def fit(mutants, root):
    """Finds the places of all mutants of one file; returns what is wrong, one sentence for each mutant."""
    wrong = []
    for m in mutants:
        try:
            if not m.before or m.before == m.after:
                raise ListError(f'{m.where()}: it changes nothing')
            if not m.is_statement() and (has_comma(m.before) or has_comma(m.after)):
                raise ListError(f'{m.where()}: an expression has a comma outside of brackets')
            if m.is_statement() and m.after and not m.after.endswith((';', '}')):
                raise ListError(f'{m.where()}: a statement becomes an expression')
            path = root / m.file
            if not path.is_file():
                raise ListError(f'{m.where()}: there is no such file')
            m.span = locate(m, path.read_text())
        except ListError as e:
            wrong.append(str(e))
    return wrong


def nest(mutants):
    """The outermost mutants of a file, each with those that lie in its original."""
    top = []
    for m in sorted(mutants, key=lambda m: (m.span[0], -m.span[1], m.number)):
        m.parts = []
        around = top
        while around and m.span[1] <= around[-1].span[1]:
            around = around[-1].parts
        if around and m.span[0] < around[-1].span[1]:
            raise ListError(f'{m.where()} overlaps {around[-1].id}')
        around.append(m)
    return top


def rewritten(text, begin, end, mutants):
    out, at = [], begin
    for m in mutants:
        out.append(text[at:m.span[0]])
        original = rewritten(text, *m.span, m.parts)
        on = f'::muxpro::mutant({m.number})'
        if m.is_statement():
            out.append(f'if ({on}) {{ {m.after} }} else {{ {original} }}')
        else:
            out.append(f'({on} ? ({m.after}) : ({original}))')
        at = m.span[1]
    out.append(text[at:end])
    return ''.join(out)


def rewrite(path, mutants):
    text = Path(path).read_text()
    return rewritten(text, 0, len(text), nest(mutants))
