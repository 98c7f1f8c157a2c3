"""projects.*"""

import uuid

from pinbridge_sdk import APIError, AuthenticationError, NotFoundError

from checks import expect_error, until
from methods import check


def sandbox(client):
    made = client.projects.create_sandbox({"name": "Play"})
    return next(project for project in made.projects if project.environment == "sandbox")


@check("projects.list")
def listed(client, flavour):
    projects = client.projects.list()
    assert str(projects.active_project.id) == flavour.ready["workspace_id"]
    assert projects.active_project in projects.projects and projects.organization.name
    assert projects.active_project.environment == "production" and projects.active_project.plan.value == "enterprise"


@check("projects.create_sandbox")
def create_sandbox(client, flavour):
    made, again = client.projects.create_sandbox(), client.projects.create_sandbox({"name": "Another"})
    assert made.projects == again.projects, "there is one"
    assert [project.environment for project in made.projects].count("sandbox") == 1
    assert str(made.active_project.id) == flavour.ready["workspace_id"], "one stays where one is"


@check("projects.switch")
def switch(client, flavour):
    person, project = flavour.person(), sandbox(client)
    switched = until("open", lambda: opened(person, project))
    assert switched.active_project.id == project.id and (switched.token_type, switched.expires_in) == ("bearer", 3600)
    inside = flavour.client(bearer_token=switched.access_token)
    assert inside.projects.list().active_project.id == project.id
    assert str(person.projects.list().active_project.id) == flavour.ready["workspace_id"], "the old token stays"
    expect_error(AuthenticationError, 403, "session_required",
                 lambda: client.projects.switch({"project_id": str(project.id)}))
    expect_error(NotFoundError, 404, "not_found", lambda: person.projects.switch({"project_id": str(uuid.uuid4())}))


def opened(person, project):
    """The session, once the sandbox isn't being emptied (by the other client's check)."""
    try:
        return person.projects.switch({"project_id": str(project.id)})
    except APIError as error:
        assert error.code == "workspace_resetting", error
        return None


@check("projects.reset_sandbox")
def reset_sandbox(client, flavour):
    person, project = flavour.person(), sandbox(client)
    inside = flavour.client(bearer_token=until("open", lambda: opened(person, project)).access_token)
    key = inside.api_keys.create({"name": "gone with the rest"})
    reset = client.projects.reset_sandbox()
    assert project.id in [one.id for one in reset.projects], "it is still there"
    expect_error(APIError, 409, "workspace_resetting", inside.pins.list)

    def emptied():
        session = opened(person, project)
        return session and flavour.client(bearer_token=session.access_token)

    fresh = until("emptied", emptied, 180)
    assert key.id not in [one.id for one in fresh.api_keys.list()]
