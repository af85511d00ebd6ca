"""Are the checks tested? Each of many small faults put into ``site_builder/checks`` must be noticed by their tests.

``python -m tests.mutate`` changes one comparison, connective, number or refusal at a time, and runs the checks on the
made-up results and on every broken one of the tests whose refusal comes from the changed module: a fault is noticed if
whole results are refused, or broken ones are not, or for another field. Prints what survives. The score is written down
in docs/reliability.md.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import itertools
import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from pydantic import ValidationError

from site_builder.contract import BadInput
from site_builder.results import Results
from tests import hostile, test_checks, test_checks_ranges
from tests.factory import make_results

MODULES = ("base", "files", "metrics", "limits", "studies", "transfer", "pairs", "attribution", "ranges", "texts")
PACKAGE = "site_builder.checks"
ROOT = Path(__file__).resolve().parent.parent / "site_builder/checks"
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip


def faults(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Every tree with one fault in it, and where."""
    places = [i for i, node in enumerate(ast.walk(tree)) if _change(copy.deepcopy(node)) is not None]
    for i in places:
        changed = copy.deepcopy(tree)
        node = list(ast.walk(changed))[i]
        what = _change(node)
        yield f"line {getattr(node, 'lineno', '?')}: {what}", ast.fix_missing_locations(changed)


def _change(node: ast.AST) -> str | None:
    """Put a fault into a node; what it was, or None where there is none to put."""
    old = "" if isinstance(node, ast.Module) else ast.unparse(node)
    match node:
        case ast.Compare() if type(node.ops[0]) in OTHER:
            node.ops[0] = OTHER[type(node.ops[0])]()
        case ast.BoolOp():
            node.op = OTHER[type(node.op)]()
        case ast.BinOp() if type(node.op) in OTHER and not isinstance(node.left, ast.JoinedStr):
            node.op = OTHER[type(node.op)]()
        case ast.UnaryOp(op=ast.Not()):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Expr() if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in ("refuse", "hold"):
            node.value = ast.Constant(None)
            return f"without {old:.70}"
        case ast.Constant() if isinstance(node.value, float) and node.value:
            node.value *= 10
        case ast.Constant() if isinstance(node.value, int) and not isinstance(node.value, bool):
            node.value += 1
        case _:
            return None
    return f"{old:.60} -> {ast.unparse(node):.60}"


def load(module: str, tree: ast.Module | None) -> ModuleType:
    """The package of checks, fresh, with ``tree`` in place of one of its modules."""
    for name in [n for n in sys.modules if n == PACKAGE or n.startswith(PACKAGE + ".")]:
        del sys.modules[name]
    whole = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
        return compile(tree, name, "exec") if tree and name == f"{PACKAGE}.{module}" else whole(self, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    try:
        return importlib.import_module(PACKAGE)
    finally:
        SourceFileLoader.get_code = whole  # type: ignore[method-assign]


def broken(folder: Path) -> tuple[list[Results], dict[str, list[tuple[Results, str | None]]]]:
    """Sound results, and by module the broken ones that it refuses, each with what is said of them.

    Of what the checks of a module by themselves must allow, nothing (None) is said.
    """
    root, here = make_results(folder / "results", n_stars=90, n_pixels=64), folder / "changed"
    sound = [Results.load(root)]
    for path, change in test_checks.SOUND:
        sound.append(Results.load(test_checks.changed(root, here, path, change)))
        shutil.rmtree(here)
    cases: dict[str, list[tuple[Results, str | None]]] = {m: [] for m in MODULES}
    checks = load("", None)

    def sort(said: str, check: str = "run_all") -> None:
        try:
            results = Results.load(here)
            getattr(checks, check)(results)
        except BadInput as error:
            frames = traceback.extract_tb(error.__traceback__)
            files = {Path(f.filename).stem for f in frames if Path(f.filename).parent == ROOT}
            for module in files & (set(MODULES) if check == "run_all" else {"ranges"}):
                cases[module].append((results, said))
        finally:
            shutil.rmtree(here)

    for path, change, said in test_checks.BROKEN:
        test_checks.changed(root, here, path, change)
        sort(said)
    for alter, said in test_checks.FOLDERS:
        shutil.copytree(root, here)
        alter(here)
        sort(said)
    for check, path, change, said in test_checks_ranges.BROKEN:  # another check may be the first that refuses these
        test_checks.changed(root, here, path, change)
        sort(said, check)
    for _, path, change in test_checks_ranges.ALLOWED:
        cases["ranges"].append((Results.load(test_checks.changed(root, here, path, change)), None))
        shutil.rmtree(here)
    fields = hostile.text_fields(sound[0])
    for (path, place), text in zip(fields, itertools.cycle(hostile.REFUSED), strict=False):
        with contextlib.suppress(ValidationError):  # words of a list take no other text
            cases["texts"].append((hostile.with_text(sound[0], path, place, text), ".".join(map(str, place))))
    return sound, cases


def noticed(checks: ModuleType, module: str, sound: list[Results], cases: list[tuple[Results, str | None]]) -> bool:
    """Whether the checks of a module with a fault behave otherwise (with a fault in what they share: all checks)."""
    own = [c for c in checks.CHECKS if module == "base" or c.__module__ == f"{PACKAGE}.{module}"]
    try:
        for results in sound:
            for check in own:
                check(results)
    except Exception:
        return True
    for results, said in cases:
        try:
            for check in own:
                check(results)
        except BadInput as error:
            if said is not None and said in str(error):
                continue
        except Exception:
            return True
        else:
            if said is None:
                continue
        return True
    return False


def main() -> int:
    """Try the faults and print the score."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--module", choices=MODULES, action="append", help="these alone")
    parser.add_argument("--state", type=Path, help="JSON of what survives, by module; others in it stay")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound, cases = broken(Path(folder))
    for module in args.module or MODULES:
        if noticed(load(module, None), module, sound, cases[module]):
            raise AssertionError(f"{module}: a fault is noticed where there is none")
        trees = list(faults(ast.parse((ROOT / f"{module}.py").read_text())))
        survivors = []
        for where, tree in trees:
            try:
                found = noticed(load(module, tree), module, sound, cases[module])
            except Exception:
                found = True  # it does not even load
            if not found:
                survivors.append(where)
                print(f"  {module}.py {where}", flush=True)
        score = f"{len(trees) - len(survivors)} of {len(trees)} noticed"
        print(f"{module}: {score} ({len(cases[module])} broken results)", flush=True)
        if args.state:
            old = json.loads(args.state.read_text()) if args.state.exists() else {}
            new = {"faults": len(trees), "broken": len(cases[module]), "survivors": survivors}
            args.state.write_text(json.dumps(old | {module: new}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
