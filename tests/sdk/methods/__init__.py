"""One check per method of the official client, for both the synchronous and the asynchronous client."""

import ast
import asyncio
import inspect
import textwrap

from pinbridge_sdk import AsyncPinbridgeClient, PinbridgeClient

# The client's resources for publishing. Every public method of them has a check.
RESOURCES = ["system", "api_keys", "pinterest", "projects", "pins", "jobs", "schedules", "rate_meter", "dashboard",
             "activity_logs", "webhooks"]
CHECKS = {}


def check(method):
    """Registers the check of a "resource.method". A check must compare values or expect an error."""

    def register(function):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        compares = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)
                    and any(isinstance(part, (ast.Compare, ast.Call)) for part in ast.walk(node.test))]
        refuses = [node for node in ast.walk(tree)
                   if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "expect_error"]
        assert compares or refuses, f"the check of {method} asserts nothing"
        assert method not in CHECKS, f"two checks of {method}"
        CHECKS[method] = function
        return function

    return register


def public_methods(client):
    """Every public "resource.method" of the client, for the resources above."""
    return {f"{resource}.{name}" for resource in RESOURCES
            for name, _ in inspect.getmembers(getattr(client, resource), callable) if not name.startswith("_")}


class Flavour:
    """One of the two clients, called in the same way: awaitables are awaited. Records the methods that were called."""

    def __init__(self, name, ready):
        self.name, self.ready, self.calls = name, ready, set()
        self.loop = asyncio.new_event_loop()

    def client(self, **credentials):
        kind = {"sync": PinbridgeClient, "async": AsyncPinbridgeClient}[self.name]
        return Recorded(kind(base_url=self.ready["base_url"], **credentials), self)

    def keyed(self):
        return self.client(api_key=self.ready["api_key"])

    def person(self):
        person = self.client()
        person.set_bearer_token(person.auth.login(self.ready["login"]).access_token)
        return person

    def finish(self, result):
        return self.loop.run_until_complete(result) if inspect.isawaitable(result) else result


class Recorded:
    """Wraps a client, or a resource of one."""

    def __init__(self, target, flavour, name=None):
        self._target, self._flavour, self._name = target, flavour, name

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if self._name is None and hasattr(value, "_request"):
            return Recorded(value, self._flavour, name)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            if self._name is not None:
                self._flavour.calls.add(f"{self._name}.{name}")
            return self._flavour.finish(value(*args, **kwargs))

        return call
