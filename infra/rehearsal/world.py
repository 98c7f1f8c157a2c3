"""The rehearsal's access to the deployment, through the AWS APIs and the HTTP API, and to the Pinterest simulator."""

import http.client
import json
import os
import re
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session


FUNCTIONS = ("api", "dispatcher", "publisher", "reconciler", "refresher", "dead_letters", "importer", "notifier")


class CheckFailed(Exception):
    """A check failed; the message says what it found."""


def expect(condition, found):
    if not condition:
        raise CheckFailed(found)


def wait_until(name, seconds, probe, every=0.25):
    """Calls the probe until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise CheckFailed(f"no {name} within {seconds} s")
        time.sleep(every)


class World:
    def __init__(self, stack, simulator_url, bin_dir):
        self.endpoint = os.environ["AWS_ENDPOINT_URL"]
        self.simulator_url = simulator_url
        self.bin_dir = Path(bin_dir)
        self.session = botocore.session.get_session()
        self.cloudformation = self.client("cloudformation")
        self.dynamodb = self.client("dynamodb")
        self.functions = self.client("lambda")
        self.iam = self.client("iam")
        self.logs = self.client("logs")
        self.sqs = self.client("sqs")
        self.events = self.client("events")
        self.states = self.client("stepfunctions")
        self.stack, self.outputs = stack, self.read_outputs(stack)
        self.log_groups = {name: f"/pinbridge/{stack}/{name}" for name in FUNCTIONS}
        self.repair_event_source_mappings()
        # What was received from the queues of `make_destinations`, by their URLs.
        self.received = {}
        self.make_destinations()
        self.seeded = self.seed()

    def client(self, service):
        return self.session.create_client(service, endpoint_url=self.endpoint)

    def read_outputs(self, stack):
        described = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def repair_event_source_mappings(self):
        """MiniStack stores a MaximumConcurrency that comes from a template parameter as a string, and its poller then
        fails to compare it (AWS converts it). This sets the same value again, as a number."""
        for name in ("PublishEventsId", "ReconciliationEventsId", "DeadLettersEventsId", "ImportEventsId",
                     "ImportDeadLettersEventsId", "NotifyEventsId"):
            mapping = self.outputs[name]
            scaling = self.functions.get_event_source_mapping(UUID=mapping)["ScalingConfig"]
            self.functions.update_event_source_mapping(
                UUID=mapping, ScalingConfig={"MaximumConcurrency": int(scaling["MaximumConcurrency"])})

    # ── Where events go besides webhooks ────────────────────────────────────────────────────────────────────

    def make_destinations(self):
        """Makes the queue that EventQueueUrl names, and a queue behind a rule of the stack's bus."""
        self.event_queue = self.make_queue(f"{self.stack}-event-queue")
        self.bus, self.bus_queue = f"{self.stack}-events", self.make_queue(f"{self.stack}-bus-queue")
        rule = {"Name": f"{self.stack}-all", "EventBusName": self.bus}
        self.events.put_rule(EventPattern=json.dumps({"source": ["pinbridge"]}), **rule)
        put = self.events.put_targets(Rule=rule["Name"], EventBusName=self.bus,
                                      Targets=[{"Id": "queue", "Arn": self.arn_of_queue(self.bus_queue)}])
        expect(put["FailedEntryCount"] == 0, f"the rule took no target: {put}")

    def make_queue(self, name):
        """Makes a queue that EventBridge may send to; returns its URL."""
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                     "Resource": self.arn_of_queue(url)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url

    def messages_of(self, url):
        """All messages that the queue has had, as JSON."""
        received = self.received.setdefault(url, [])
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                received.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    # ── PinBridge's programs ────────────────────────────────────────────────────────────────────────────────

    def seed(self):
        """Creates a workspace with an API key and a connected account; returns their ids and the key."""
        return self.operator("bootstrap", "--workspace-name", "rehearsal",
                             "--access-token", "pina_sim_1_access", "--refresh-token", "pinr_sim_1_refresh")

    def operator(self, *arguments):
        """Runs the operator command with the deployment's settings and returns its JSON output."""
        done = subprocess.run([self.bin_dir / "operator", *arguments], env=os.environ | self.deployed_environment(),
                              capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, f"operator {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def deployed_environment(self):
        """The environment variables of the deployed functions."""
        name = self.outputs["ApiFunctionName"]
        return self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def routes(self):
        """The route table, as (method, path) pairs."""
        listed = subprocess.run([self.bin_dir / "api", "--print-routes"], env=os.environ | self.deployed_environment(),
                                capture_output=True, text=True, timeout=60)
        expect(listed.returncode == 0, f"api --print-routes failed: {listed.stderr.strip()}")
        return re.findall(r"^(GET|POST|PUT|PATCH|DELETE)\s+(/\S*)$", listed.stdout, re.MULTILINE)

    # ── The API ─────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, method, path, body=None, extra=()):
        """Sends a request, with extra headers, to the deployed HTTP API. The emulator finds the gateway by the host of
        its public URL."""
        gateway, public = urlsplit(self.endpoint), urlsplit(self.outputs["ApiUrl"])
        connection = http.client.HTTPConnection(gateway.hostname, gateway.port, timeout=60)
        headers = {"host": public.netloc, "x-api-key": self.seeded["api_key"], **dict(extra)}
        if body is not None:
            headers["content-type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    def accept_pin(self, title, task_token=None):
        """Sends a pin, for whose end the task of the token waits; returns the pin's id."""
        extra = {"x-pinbridge-task-token": task_token} if task_token else {}
        status, pin = self.call("POST", "/v1/pins", {
            "account_id": self.seeded["account_id"],
            "board_id": self.seeded["board_id"],
            "title": title,
            "description": "Sent by the rehearsal",
            "link_url": "https://example.com/rehearsal",
            "image_url": "https://example.com/rehearsal.jpg",
            "idempotency_key": str(uuid.uuid4()),
        }, extra)
        expect(status == 201, f"POST /v1/pins answered {status}: {pin}")
        return pin["id"]

    def await_outcome(self, pin_id, seconds):
        """Waits until the pin's job is published or failed, and returns it."""

        def terminal():
            status, job = self.call("GET", f"/v1/jobs/{pin_id}")
            expect(status == 200, f"GET /v1/jobs/{pin_id} answered {status}: {job}")
            return job if job["status"] in ("published", "failed") else None

        return wait_until(f"outcome of pin {pin_id}", seconds, terminal, every=0.5)

    # ── The queues ──────────────────────────────────────────────────────────────────────────────────────────

    def send_raw(self, body):
        return self.sqs.send_message(QueueUrl=self.outputs["PublishQueueUrl"], MessageBody=body)

    def redrive_messages(self):
        """The messages of the redrive queue, by id. They stay in the queue."""
        url, found = self.outputs["RedriveQueueUrl"], {}
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages"):
            found |= {message["MessageId"]: message for message in batch}
        for message in found.values():
            self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return found

    def redrive_message_with(self, text):
        return next((message for message in self.redrive_messages().values() if text in message["Body"]), None)

    # ── The functions ───────────────────────────────────────────────────────────────────────────────────────

    def log_lines(self, name):
        """The function's log, oldest line first, including the lines that Lambda adds to each run."""
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=self.log_groups[name])
        return [event["message"] for page in pages for event in page["events"]]

    def runs(self, name):
        """The number of finished runs of the function."""
        return sum(line.startswith("REPORT RequestId:") for line in self.log_lines(name))

    def invoke(self, function_name, event):
        """Runs the function once and returns its error, or None."""
        answer = self.functions.invoke(FunctionName=function_name, Payload=json.dumps(event))
        return answer["Payload"].read().decode() if "FunctionError" in answer else None

    def set_environment(self, function_name, variables):
        self.functions.update_function_configuration(FunctionName=function_name, Environment={"Variables": variables})
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=function_name, WaiterConfig={"Delay": 1})

    # ── Permissions ─────────────────────────────────────────────────────────────────────────────────────────

    def role_allows(self, function, action, resource):
        answer = self.iam.simulate_principal_policy(PolicySourceArn=self.role_arn(function), ActionNames=[action], ResourceArns=[resource])
        return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"

    def role_arn(self, function):
        stem = "".join(part.capitalize() for part in function.split("_"))
        name = self.outputs[f"{stem}FunctionName"]
        return self.functions.get_function_configuration(FunctionName=name)["Role"]

    def table_arn(self):
        return self.dynamodb.describe_table(TableName=self.outputs["TableName"])["Table"]["TableArn"]

    def queue_arn(self, output):
        return self.arn_of_queue(self.outputs[output])

    def arn_of_queue(self, url):
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def arn(self, service, resource):
        """The ARN of something of another service in the table's region and account."""
        return self.table_arn().replace(":dynamodb:", f":{service}:").rsplit(":", 1)[0] + f":{resource}"

    def secret_arn(self, name):
        """An ARN such as Secrets Manager makes for the secret: it ends in six random characters."""
        return self.arn("secretsmanager", f"secret:{name}-AbCdEf")

    # ── Pinterest ───────────────────────────────────────────────────────────────────────────────────────────

    def simulator(self, method, path, body=None):
        request = urllib.request.Request(
            self.simulator_url + path, method=method, headers={"content-type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read().decode()
        return json.loads(text) if text else None

    def pins_titled(self, title):
        pins = self.simulator("GET", "/_sim/pins")
        return [pin for pin in (pins["items"] if isinstance(pins, dict) else pins) if pin.get("title") == title]


def error_code(body):
    """The code of an error response, or None."""
    if not isinstance(body, dict):
        return None
    inner = body.get("error", body)
    return inner.get("code") if isinstance(inner, dict) else inner
