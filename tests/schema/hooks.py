"""What schemathesis can't know of the document: where the error of an invalid pin is, and that a header stands for a
field."""

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

# Operations that report an invalid pin in a successful answer, and how.
REPORTED = {
    "validate_pin": lambda answer: answer["valid"] is False,
    "validate_schedule": lambda answer: answer["valid"] is False,
    "create_pins": lambda answer: answer["failed_count"] > 0,
}
KEY_HEADERS = {"idempotency-key", "x-pinbridge-idempotency-key"}


def operation_id(case):
    return case.operation.definition.raw.get("operationId")


@schemathesis.hook
def before_call(context, case, kwargs):
    """The idempotency key may be a header instead of the field that the schema requires. A request that is to be
    invalid must not become valid by it."""
    if case.meta is not None and case.meta.generation.mode.is_negative and case.headers:
        for name in [name for name in case.headers if name.lower() in KEY_HEADERS]:
            del case.headers[name]


@schemathesis.check
def an_invalid_pin_is_refused_or_reported(ctx, response, case):
    """In place of negative_data_rejection, for the operations that answer pin by pin."""
    reported = REPORTED.get(operation_id(case))
    if reported is None or case.meta is None or not case.meta.generation.mode.is_negative:
        return None
    if response.status_code == 200 and reported(response.json()):
        return None
    return negative_data_rejection(ctx, response, case)
