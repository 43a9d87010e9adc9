"""The house's own measures: sizes of files, functions and kernels, and no circle of imports."""

import ast
import graphlib
from pathlib import Path

import pytest

import dbgclean

PACKAGE = Path(dbgclean.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, MOST_OF_FUNCTION, MOST_ARGUMENTS = 400, 60, 12


def _name(path):
    """Full name of the module in a file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in SOURCES}


def _functions(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_kernel(function):
    words = {"kernel", "helper", "njit"}
    return any(
        words & set(ast.unparse(decorator).replace("(", ".").split("."))
        for decorator in function.decorator_list
    )


def _is_helper(function):
    return any(ast.unparse(decorator) == "helper" for decorator in function.decorator_list)


def _run_on_import(body):
    """Import statements that run when their module is imported: none for types alone."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _run_on_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "handlers", "finalbody"):
                yield from _run_on_import(getattr(node, part, []))


def _imported(module, tree):
    """The package's modules that importing ``module`` imports, by name."""
    for node in _run_on_import(tree.body):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{module}: imports are by full names"
            # A name is a module, or is found in the one it is imported from.
            named = [
                inner if (inner := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            ]
        yield from (name for name in named if name in MODULES and name != module)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sizes(path):
    file = path.relative_to(PACKAGE).as_posix()
    sizes = [(file, len(path.read_text(encoding="utf-8").splitlines()), MOST_LINES)]
    for function in _functions(path):
        name, arguments = f"{file}:{function.name}", function.args
        sizes.append((name, function.end_lineno - function.lineno + 1, MOST_OF_FUNCTION))
        if _is_kernel(function):
            n = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
            sizes.append((f"{name}()", n, MOST_ARGUMENTS))
    over = {name: size for name, size, most in sizes if size > most}
    assert not over


def test_files_import_in_no_circle():
    imports = {
        module: set(_imported(module, ast.parse(path.read_text(encoding="utf-8"))))
        for module, path in MODULES.items()
    }
    assert sum(map(len, imports.values())) > len(MODULES)
    # Raises CycleError, which names the circle.
    graphlib.TopologicalSorter(imports).prepare()


def _called(path, helpers):
    """Helpers of ``helpers`` (full names) that the file's functions use which are no kernels."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    here = _name(path) if path.is_relative_to(PACKAGE) else ""
    known = {name.rpartition(".")[2]: name for name in helpers if name.rpartition(".")[0] == here}
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            full = {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
            known |= {name: where for name, where in full.items() if where in helpers}
            modules |= full

    def used(node):
        if isinstance(node, ast.FunctionDef) and _is_kernel(node):
            return
        if isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            full = f"{modules.get(node.value.id)}.{node.attr}"
            yield from {full} & helpers
        for child in ast.iter_child_nodes(node):
            yield from used(child)

    return set(used(tree))


def test_no_python_calls_a_helper():
    """Its process would die: see `dbgclean._kernels`."""
    helpers = {
        f"{_name(path)}.{function.name}"
        for path in SOURCES
        for function in _functions(path)
        if _is_helper(function)
    }
    assert len(helpers) > 100
    root = PACKAGE.parent
    files = [*SOURCES, *root.glob("tests/*.py"), *root.glob("benchmarks/**/*.py")]
    called = {str(path.relative_to(root)): _called(path, helpers) for path in files}
    assert not {path: names for path, names in called.items() if names}
