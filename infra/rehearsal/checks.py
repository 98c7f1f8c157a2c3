"""The rehearsal's end-to-end checks of the deployment."""

import argparse
import json
import sys
import time
import uuid
from pathlib import Path

from receiver import SECRET, Receiver
from world import FUNCTIONS, CheckFailed, World, error_code, expect, wait_until

# Upper limits, in seconds. A message becomes a dead-letter message after about 35 s: MaxReceiveCount deliveries, after
# each of which an error returns it for 5 s, 10 s and 20 s.
TO_PUBLISH = 60
TO_DEAD_LETTER = 90
TO_NEXT_MINUTE = 80
TO_HEAR = 60
SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "publish-and-wait.asl.json"
REFUSED = {"operation": "pins/create", "title_contains": "refuse", "fault": "status", "status": 403, "code": 235,
           "message": "Sorry, this image is broken. Please pick a different image."}


def a_pin_accepted_over_the_api_is_published_once(world):
    title = f"rehearsal {uuid.uuid4()}"
    pin_id = world.accept_pin(title)
    job = world.await_outcome(pin_id, TO_PUBLISH)
    expect(job["status"] == "published", f"the pin ended as {job}")
    pins = world.pins_titled(title)
    expect(len(pins) == 1, f"Pinterest has {len(pins)} Pins of it")
    wait_until("line of the publisher's log naming the pin", 10,
               lambda: any(pin_id in line for line in world.log_lines("publisher")))


def a_permanent_refusal_fails_the_pin_with_a_reason(world):
    world.simulator("PUT", "/_sim/faults", [REFUSED])
    try:
        title = f"refuse {uuid.uuid4()}"
        pin_id = world.accept_pin(title)
        job = world.await_outcome(pin_id, TO_PUBLISH)
    finally:
        world.simulator("PUT", "/_sim/faults", [])
    expect(job["status"] == "failed" and job.get("error_code"), f"the pin ended as {job}")
    expect(not world.pins_titled(title), "Pinterest has a Pin of it")
    expect(not world.redrive_message_with(pin_id), "the refused pin's message is in the redrive queue")


def an_ambiguous_publish_is_adopted_through_the_reconciliation_queue(world):
    title = f"ambiguous {uuid.uuid4()}"
    world.simulator("PUT", "/_sim/faults", [{"operation": "pins/create", "title_contains": title, "times": 1,
                                             "fault": "timeout_after_commit", "hold_ms": 5000}])
    try:
        pin_id = world.accept_pin(title)
        job = world.await_outcome(pin_id, TO_PUBLISH)
    finally:
        world.simulator("PUT", "/_sim/faults", [])
    expect(job["status"] == "published" and job["attempts"] == 1, f"the pin ended as {job}")
    pins = world.pins_titled(title)
    expect([pin["id"] for pin in pins] == [job["pinterest_pin_id"]], f"Pinterest has {len(pins)} Pins of it")
    wait_until("line of the reconciler's log naming the pin", 10,
               lambda: any(pin_id in line for line in world.log_lines("reconciler")))


def an_event_reaches_the_notifier_and_waits_visibly_where_its_receiver_is_down(world):
    # No name ends in .invalid, so nothing leaves the machine.
    hook = {"url": "https://receiver.invalid/hook", "secret": "a secret of the rehearsal"}
    status, webhook = world.call("POST", "/v1/webhooks", hook)
    expect(status == 201, f"POST /v1/webhooks answered {status}: {webhook}")
    path = f"/v1/webhooks/{webhook['id']}"
    status, answer = world.call("POST", f"{path}/test")
    expect(status == 202, f"POST {path}/test answered {status}: {answer}")

    def tried():
        status, deliveries = world.call("GET", f"{path}/deliveries")
        expect(status == 200, f"GET {path}/deliveries answered {status}: {deliveries}")
        return [delivery for delivery in deliveries if delivery["attempt_count"] >= 2]

    delivery = wait_until("second try of the event", TO_PUBLISH, tried, every=1)[0]
    waits = delivery["status"] == "waiting" and delivery["last_error"] and delivery["next_attempt_at"]
    expect(waits, f"after two tries the delivery is {delivery}")
    status, answer = world.call("DELETE", path)
    expect(status == 204, f"DELETE {path} answered {status}: {answer}")
    return delivery["last_error"]


def an_event_is_delivered_to_a_receiver_which_verifies_it(world, receiver):
    function = world.outputs["NotifierFunctionName"]
    deployed = world.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    world.set_environment(function, deployed | {"SSL_CERT_FILE": str(receiver.authority)})
    try:
        status, webhook = world.call("POST", "/v1/webhooks", {"url": receiver.url, "secret": SECRET})
        expect(status == 201, f"POST /v1/webhooks answered {status}: {webhook}")
        path = f"/v1/webhooks/{webhook['id']}"
        pin_id = world.accept_pin(f"heard {uuid.uuid4()}")
        wait_until("event of the pin at the receiver", TO_HEAR, lambda: receiver.heard("pin.published", pin_id))
        expect(not receiver.refused, f"the receiver refused {receiver.refused}")

        def logged():
            status, deliveries = world.call("GET", f"{path}/deliveries?status=delivered")
            expect(status == 200, f"GET {path}/deliveries answered {status}: {deliveries}")
            return [delivery for delivery in deliveries if delivery["pin_id"] == pin_id]

        delivery = wait_until("entry of the log", TO_HEAR, logged)[0]
        expect(delivery["last_status_code"] == 204, f"the log has {delivery}")
        status, answer = world.call("DELETE", path)
        expect(status == 204, f"DELETE {path} answered {status}: {answer}")
    finally:
        world.set_environment(function, deployed)


def a_pin_s_event_arrives_on_the_bus_and_in_the_queue_of_events(world):
    pin_id = world.accept_pin(f"put {uuid.uuid4()}")

    def on_bus():
        return [event for event in world.messages_of(world.bus_queue)
                if event["detail-type"] == "pin.published" and event["detail"]["pin_id"] == pin_id]

    def in_queue():
        return [event for event in world.messages_of(world.event_queue)
                if event["type"] == "pinbridge.pin.published" and event["subject"] == pin_id]

    put = wait_until("event of the pin on the bus", TO_HEAR, on_bus)[0]
    sent = wait_until("event of the pin in the queue", TO_HEAR, in_queue)[0]
    expect(put["source"] == "pinbridge" and put["detail"]["status"] == "published", f"the bus has {put}")
    expect(sent["specversion"] == "1.0" and sent["data"] == put["detail"], f"the bus has {put}, the queue {sent}")


def a_task_of_a_state_machine_ends_with_its_pin(world):
    tokens, notifier = world.make_queue(f"{world.stack}-tokens"), world.role_arn("notifier")
    machine = world.states.create_state_machine(name=f"{world.stack}-publish-and-wait", roleArn=notifier,
                                                definition=json.dumps(sample_that_sends_its_token_to(tokens)))
    # MiniStack doesn't know a token's state machine, and asks for the permission on any resource. AWS asks for it on
    # the state machine: `grants` asks the role about that.
    policy = {"RoleName": notifier.rsplit("/", 1)[1], "PolicyName": "rehearsal-tasks"}
    statement = {"Effect": "Allow", "Action": "states:SendTaskSuccess", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.iam.put_role_policy(PolicyDocument=document, **policy)
    try:
        execution = world.states.start_execution(stateMachineArn=machine["stateMachineArn"],
                                                 input=json.dumps({"pin": {"title": "of the execution"}}))
        sent = wait_until("token of the task", TO_HEAR, lambda: world.messages_of(tokens))[0]
        pin_id = world.accept_pin(f"awaited {uuid.uuid4()}", sent["token"])

        def over():
            now = world.states.describe_execution(executionArn=execution["executionArn"])
            return now if now["status"] != "RUNNING" else None

        ended = wait_until("end of the execution", TO_PUBLISH, over)
    finally:
        world.iam.delete_role_policy(**policy)
    expect(ended["status"] == "SUCCEEDED", f"the execution ended as {ended}")
    output = json.loads(ended["output"])
    expect((output["event"], output["pin_id"]) == ("pin.published", pin_id), f"its output is {output}")


def sample_that_sends_its_token_to(queue):
    """The sample's state machine. MiniStack has no integration of Step Functions with API Gateway, so `Publish` sends
    its token to a queue, and the check makes the call."""
    machine = json.loads(SAMPLE.read_text())
    machine["StartAt"] = "Publish"
    del machine["States"]["ReadKey"]
    machine["States"]["Publish"] |= {
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token", "pin.$": "$.pin"}},
        "TimeoutSeconds": TO_PUBLISH + TO_HEAR,
    }
    return machine


def every_route_reaches_its_handler(world):
    routes = world.routes()
    expect(routes, "api --print-routes listed no route")
    status, body = world.call("GET", "/v1/no-such-route")
    expect((status, error_code(body)) == (404, "route_not_found"), f"an unknown route answered {status}: {body}")
    for method, path in routes:
        concrete = fill(path)
        status, body = world.call(method, concrete, {} if method in ("POST", "PUT", "PATCH") else None)
        expect(status != 404 or error_code(body) == "not_found", f"{method} {path} is not routed: {status} {body}")
        hosted_only = (status, error_code(body)) == (501, "not_available_self_hosted")
        expect(status < 500 or hosted_only, f"{method} {path} answered {status}: {body}")
    return f"{len(routes)} routes"


def an_import_is_processed_and_its_pins_are_published(world):
    title = f"imported {uuid.uuid4()}"
    row = {"account_id": world.seeded["account_id"], "board_id": world.seeded["board_id"], "title": title,
           "image_url": "https://example.com/a.jpg", "idempotency_key": title}
    status, job = world.call("POST", "/v1/pins/imports/json", [row, row, {"title": "nowhere to go"}])
    expect(status == 202 and job["total_rows"] == 3, f"the import answered {status}: {job}")

    def finished():
        job_now = world.call("GET", f"/v1/pins/imports/{job['id']}")[1]
        return job_now if job_now["completed_at"] else None

    job = wait_until("end of the import", TO_PUBLISH, finished)
    counts = [job["created_rows"], job["existing_rows"], job["failed_rows"]]
    expect((job["status"], counts) == ("completed_with_errors", [1, 1, 1]), f"the import ended as {job}")
    published = world.await_outcome(job["results"][0]["pin_id"], TO_PUBLISH)
    expect(published["status"] == "published", f"its pin ended as {published}")
    expect(len(world.pins_titled(title)) == 1, f"Pinterest has {len(world.pins_titled(title))} Pins of it")


def a_poison_message_reaches_the_redrive_queue(world, poison):
    wait_until("poison message in the redrive queue", TO_DEAD_LETTER, lambda: world.redrive_message_with(poison),
               every=1)


def a_publisher_that_keeps_failing_fails_the_pin_and_the_operator_redrives_it(world):
    function = world.outputs["PublisherFunctionName"]
    healthy = world.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    world.set_environment(function, healthy | {"PINBRIDGE_TABLE": "no-such-table"})
    try:
        title = f"outage {uuid.uuid4()}"
        pin_id = world.accept_pin(title)
        job = world.await_outcome(pin_id, TO_DEAD_LETTER)
        wait_until("message of the pin in the redrive queue", 10, lambda: world.redrive_message_with(pin_id), every=1)
    finally:
        world.set_environment(function, healthy)
    expect((job["status"], job["error_code"]) == ("failed", "dead_lettered"), f"during the outage the pin ended as {job}")
    expect(not world.pins_titled(title), "it was published during the outage")
    preview = world.operator("redrive", "--preview")
    counted = preview["by_class"].get("dead_lettered", 0) >= 1 and preview["retried"] == 0
    expect(counted, f"the preview printed {preview}")
    summary = world.operator("redrive", "--run", "--error-code", "dead_lettered", "--rate", "5",
                             "--stop-when-failing", "50")
    expect(summary["retried"] >= 1 and not summary["stopped"], f"the redrive printed {summary}")
    job = world.await_outcome(pin_id, TO_PUBLISH + TO_NEXT_MINUTE)
    expect(job["status"] == "published", f"after the redrive the pin ended as {job}")
    expect(len(world.pins_titled(title)) == 1, f"Pinterest has {len(world.pins_titled(title))} Pins of it")


def the_schedule_runs_the_dispatcher(world):
    runs = wait_until("run of the dispatcher", TO_NEXT_MINUTE, lambda: world.runs("dispatcher"), every=1)
    failure = world.invoke(world.outputs["DispatcherFunctionName"], {"source": "aws.events", "detail-type": "Scheduled Event"})
    expect(failure is None, f"a run of the dispatcher fails: {failure}")
    return f"{runs} by the schedule"


def every_role_allows_its_function_s_work_and_no_more(world):
    wrong = [
        f"{function} {'may not' if allowed else 'may'} {action} on {resource}"
        for function, action, resource, allowed in grants(world)
        if world.role_allows(function, action, resource) != allowed
    ]
    expect(not wrong, "; ".join(wrong))


def grants(world):
    """Each function with an action, a resource and whether its role must allow it."""
    table, queue, dead = world.table_arn(), world.queue_arn("PublishQueueUrl"), world.queue_arn("PublishDeadLettersUrl")
    token, foreign = world.secret_arn(world.outputs["SecretPrefix"] + "/workspace/account"), world.secret_arn("other/secret")
    prefix = world.outputs["SecretPrefix"]
    app_secret, session_key = world.secret_arn(f"{prefix}/pinterest-app-secret"), world.secret_arn(f"{prefix}/session-key")
    pacing_key, data_keys = world.secret_arn(f"{prefix}/pacing-key"), world.secret_arn(f"{prefix}/data-keys")
    receipt_key, hook_keys = world.secret_arn(f"{prefix}/receipt-key"), world.secret_arn(f"{prefix}/hook-keys")
    reconciliation, redrive = world.queue_arn("ReconciliationQueueUrl"), world.queue_arn("RedriveQueueUrl")
    imports, dead_imports = world.queue_arn("ImportQueueUrl"), world.queue_arn("ImportDeadLettersUrl")
    notify, dead_notify = world.queue_arn("NotifyQueueUrl"), world.queue_arn("NotifyDeadLettersUrl")
    bus, event_queue = world.arn("events", f"event-bus/{world.bus}"), world.arn_of_queue(world.event_queue)
    machine = world.arn("states", f"stateMachine:{world.stack}-publish-and-wait")
    for function in FUNCTIONS:
        is_notifier = function == "notifier"
        yield function, "events:PutEvents", bus, is_notifier
        yield function, "events:PutEvents", world.arn("events", "event-bus/default"), False
        yield function, "sqs:SendMessage", event_queue, is_notifier
        yield function, "sqs:ReceiveMessage", event_queue, False
        for action in ("states:SendTaskSuccess", "states:SendTaskFailure"):
            yield function, action, machine, is_notifier
            yield function, action, f"{machine}-of-others", False
        yield function, "states:StartExecution", machine, False
        yield function, "dynamodb:PutItem", table, True
        yield function, "dynamodb:Query", table, True
        yield function, "dynamodb:UpdateItem", table, True
        yield function, "dynamodb:Query", f"{table}/index/listing", function in ("api", "dispatcher", "refresher", "notifier")
        yield function, "dynamodb:Query", f"{table}/index/waiting", function in ("dispatcher", "refresher")
        yield function, "dynamodb:BatchWriteItem", table, function not in ("publisher", "dead_letters", "notifier")
        yield function, "dynamodb:DeleteItem", table, function in ("api", "dispatcher", "refresher", "notifier")
        yield function, "dynamodb:ConditionCheckItem", table, function == "api"
        yield function, "dynamodb:Scan", table, False
        yield function, "dynamodb:DeleteTable", table, False
        yield function, "sqs:SendMessage", queue, function not in ("dead_letters", "refresher", "notifier")
        yield function, "sqs:SendMessage", reconciliation, function not in ("api", "refresher", "importer", "notifier")
        yield function, "sqs:SendMessage", redrive, function == "dead_letters"
        yield function, "sqs:SendMessage", imports, function in ("api", "dispatcher", "importer")
        yield function, "sqs:SendMessage", dead_imports, False
        yield function, "sqs:ReceiveMessage", imports, function == "importer"
        yield function, "sqs:ReceiveMessage", dead_imports, function == "dead_letters"
        yield function, "sqs:SendMessage", notify, True
        yield function, "sqs:ReceiveMessage", notify, function == "notifier"
        yield function, "sqs:SendMessage", dead_notify, False
        yield function, "sqs:ReceiveMessage", dead_notify, False
        yield function, "sqs:SendMessage", dead, False
        yield function, "sqs:PurgeQueue", queue, False
        yield function, "sqs:ReceiveMessage", queue, function == "publisher"
        yield function, "sqs:ReceiveMessage", reconciliation, function == "reconciler"
        yield function, "sqs:ReceiveMessage", dead, function == "dead_letters"
        yield function, "sqs:ReceiveMessage", redrive, False
        holders = ("api", "publisher", "reconciler", "refresher", "importer")
        for action in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"):
            yield function, f"secretsmanager:{action}", token, function in holders
        yield function, "secretsmanager:GetSecretValue", app_secret, function in holders
        # Only the operator replaces what the stack shares.
        for secret in (app_secret, session_key, pacing_key, receipt_key, data_keys, hook_keys):
            yield function, "secretsmanager:PutSecretValue", secret, False
            yield function, "secretsmanager:DeleteSecret", secret, False
        yield function, "secretsmanager:GetSecretValue", session_key, function == "api"
        yield function, "secretsmanager:GetSecretValue", pacing_key, function in ("api", "refresher")
        yield function, "secretsmanager:CreateSecret", pacing_key, function in ("api", "refresher")
        yield function, "secretsmanager:GetSecretValue", receipt_key, function == "api"
        yield function, "secretsmanager:CreateSecret", receipt_key, function == "api"
        yield function, "secretsmanager:GetSecretValue", data_keys, function in holders
        yield function, "secretsmanager:GetSecretValue", hook_keys, function in ("api", "notifier")
        yield function, "secretsmanager:CreateSecret", hook_keys, function == "api"
        yield function, "secretsmanager:DeleteSecret", token, function in ("api", "refresher")
        yield function, "secretsmanager:CreateSecret", token, function == "api"
        yield function, "secretsmanager:GetSecretValue", foreign, False


def fill(path):
    """The path with a random id in place of every parameter."""
    return "/".join(str(uuid.uuid4()) if part.startswith("{") else part for part in path.split("/"))


def rehearse(world, receiver):
    # The poison message is sent first, so that its deliveries fail while other checks run.
    poison = f"not a publish message {uuid.uuid4()}"
    world.send_raw(poison)
    results = [
        # The first with a pin: a function that knows that there are no webhooks looks again after half a minute.
        run(world, an_event_is_delivered_to_a_receiver_which_verifies_it, receiver) if receiver else left_out(),
        run(world, a_pin_accepted_over_the_api_is_published_once),
        run(world, a_permanent_refusal_fails_the_pin_with_a_reason),
        run(world, an_ambiguous_publish_is_adopted_through_the_reconciliation_queue),
        run(world, an_import_is_processed_and_its_pins_are_published),
        run(world, an_event_reaches_the_notifier_and_waits_visibly_where_its_receiver_is_down),
        run(world, a_pin_s_event_arrives_on_the_bus_and_in_the_queue_of_events),
        run(world, a_task_of_a_state_machine_ends_with_its_pin),
        run(world, a_poison_message_reaches_the_redrive_queue, poison),
        run(world, a_publisher_that_keeps_failing_fails_the_pin_and_the_operator_redrives_it),
        run(world, the_schedule_runs_the_dispatcher),
        run(world, every_role_allows_its_function_s_work_and_no_more),
        run(world, every_route_reaches_its_handler),  # last: it calls every route, including deletions
    ]
    return all(results)


def left_out():
    print("  NOT RUN         an event is delivered to a receiver: it needs a network namespace (unshare, ip) and openssl",
          flush=True)
    return True


def run(world, check, *arguments):
    began = time.monotonic()
    try:
        note, passed = check(world, *arguments) or "", True
    except Exception as problem:  # an unexpected exception fails the check; the others still run
        note, passed = describe(problem), False
    name = check.__name__.replace("_s_", "'s ").replace("_", " ")
    print(f"  {'ok    ' if passed else 'FAILED'} {time.monotonic() - began:6.1f}s  {name}{': ' if note else ''}{note}", flush=True)
    return passed


def describe(problem):
    return str(problem) if isinstance(problem, CheckFailed) else f"{type(problem).__name__}: {problem}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stack", required=True)
    arguments.add_argument("--simulator", required=True)
    arguments.add_argument("--bin-dir", required=True)
    arguments.add_argument("--receiver-address", help="an address of the internet that this machine has")
    arguments.add_argument("--receiver-folder", help="holds receiver.pem, receiver.key and authority.pem")
    options = arguments.parse_args()
    try:
        receiver = Receiver(options.receiver_address, options.receiver_folder) if options.receiver_address else None
        world = World(options.stack, options.simulator, options.bin_dir)
    except CheckFailed as problem:
        sys.exit(f"rehearsal: {problem}")
    sys.exit(0 if rehearse(world, receiver) else 1)


if __name__ == "__main__":
    main()
