"""An import-linter contract: only the named packages import certain libraries.

Unlike import-linter's own `protected` contract it takes libraries, and packages that are not
there yet.
"""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyImportedBy(Contract):
    """Holds `modules` back from everyone but `allowed_importers` and what is inside these."""

    type_name = "only_imported_by"

    modules = fields.ListField(subfield=fields.StringField())
    allowed_importers = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        offences = sorted(
            (importer, module, detail["line_number"])
            for module in self.modules
            if module in graph.modules
            for importer in graph.find_modules_that_directly_import(module)
            if not self._is_allowed(importer)
            for detail in graph.get_import_details(importer=importer, imported=module)
        )
        return ContractCheck(kept=not offences, metadata={"offences": offences})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, module, line in check.metadata["offences"]:
            output.print_error(f"{importer} imports {module} (l.{line})", bold=False)
        output.print_error(f"Only these may: {', '.join(self.allowed_importers)}", bold=False)
        output.new_line()

    def _is_allowed(self, importer: str) -> bool:
        allowed: Any = self.allowed_importers
        return any(importer == name or importer.startswith(f"{name}.") for name in allowed)
