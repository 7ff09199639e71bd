"""Captures the functions of modules that do not mention spanhouse, by decorating them as they are compiled.

Every function and method gets `capture` as its innermost decorator in the syntax tree: before anything else can
take hold of it, with its line numbers unchanged, and without a trace in `__pycache__`.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


class _Decorator(ast.NodeTransformer):
    """Decorates functions of a module and of its classes; functions inside functions are left alone."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return _decorated(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return _decorated(node)


def _decorated(node: Any) -> ast.AST:
    if node.name.startswith("__") and node.name.endswith("__"):
        return node  # type: ignore[no-any-return]  # __init__ and its kin are how objects work, not what they do
    finding = ast.parse('__import__("spanhouse").capture', mode="eval").body
    decorator = ast.copy_location(finding, node)
    ast.fix_missing_locations(decorator)
    node.decorator_list.append(decorator)
    return node  # type: ignore[no-any-return]


def compile_captured(source: bytes | str, path: str) -> CodeType:
    """Compiles a module with its functions captured. Raises SyntaxError as `compile` does."""
    tree = _Decorator().visit(ast.parse(source, path))
    code: CodeType = compile(tree, path, "exec", dont_inherit=True)
    return code


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module captured; never reads or writes cached bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile_captured(self.get_data(path), path)


class CapturingFinder:
    """A meta path finder that takes over modules of the named packages, and only those with source."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = tuple(packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module to capture; None leaves it to the others."""
        if not any(fullname == name or fullname.startswith(f"{name}.") for name in self._packages):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install(packages: Sequence[str]) -> None:
    """Captures modules of `packages` that are imported from now on."""
    sys.meta_path.insert(0, CapturingFinder(packages))
