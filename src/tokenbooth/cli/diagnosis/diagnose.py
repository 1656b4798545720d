"""Examine what was asked for, and say it in every form that was asked for."""

from pathlib import Path

from tokenbooth.cli.diagnosis.case import Case, Order
from tokenbooth.cli.diagnosis.examination import examine
from tokenbooth.cli.diagnosis.mask import Mask
from tokenbooth.cli.diagnosis.report import exit_code, write_findings, write_report
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.output import Output
from tokenbooth.cli.token_get import refuse_typed_secret
from tokenbooth.client.configuration import wish_for
from tokenbooth.client.errors import ConfigurationRefused
from tokenbooth.protocol.metadata import MetadataRefused, check_issuer
from tokenbooth.remote.address import AddressRefused, checked_address


def diagnose(order: Order, *, report_path: str | None, as_json: bool) -> int:
    """Write the findings, and return the exit code; raises Failure where nothing can be asked."""
    _refuse_nonsense(order)
    if report_path is not None and Path(report_path).exists():
        raise Failure(Outcome.USAGE, f"There is a file {report_path} already: name another one.")
    case = Case(order=order, mask=Mask())
    findings = list(examine(case, Output(as_json=as_json).talk))
    write_findings(findings, as_json=as_json)
    if report_path is not None:
        write_report(report_path, order, findings, case.clock)
        Output(as_json=as_json).talk(f"The report is in {report_path}.")
    return exit_code(findings)


def _refuse_nonsense(order: Order) -> None:
    if not order.start:
        raise Failure(
            Outcome.USAGE, "Give --issuer URL, or --token-url URL if the issuer has no metadata."
        )
    if (order.client_id is None) != (order.secret is None):
        raise Failure(Outcome.USAGE, "--client-id and --secret go together.")
    if order.api is not None and order.client_id is None:
        raise Failure(Outcome.USAGE, "--api needs --client-id and --secret: it takes a token.")
    if order.secret is not None:
        refuse_typed_secret(order.secret, "client secret", "--secret")
    try:
        for url in filter(None, (order.issuer, order.token_url, order.api)):
            # Plain http is a finding of its own, not a mistake in writing.
            checked_address(url, allow_plain_http=True)
        if order.issuer is not None:
            check_issuer(order.issuer)
        wish_for(order.client_id or "-", order.scope, order.resource, None, order.dialect)
    except (AddressRefused, MetadataRefused, ConfigurationRefused) as error:
        raise Failure(Outcome.USAGE, str(error)) from error
