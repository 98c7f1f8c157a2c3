"""projects.*"""

import uuid

from pinbridge_sdk import APIError, AuthenticationError, NotFoundError

from checks import expect_error
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
    assert made.projects == again.projects, "there is one sandbox"
    assert [project.environment for project in made.projects].count("sandbox") == 1
    assert str(made.active_project.id) == flavour.ready["workspace_id"], "the active project stays the same"


@check("projects.switch")
def switch(client, flavour):
    person, project = flavour.person(), sandbox(client)
    switched = person.projects.switch({"project_id": str(project.id)})
    assert switched.active_project.id == project.id and (switched.token_type, switched.expires_in) == ("bearer", 3600)
    inside = flavour.client(bearer_token=switched.access_token)
    assert inside.projects.list().active_project.id == project.id
    active = str(person.projects.list().active_project.id)
    assert active == flavour.ready["workspace_id"], "the old token keeps its project"
    expect_error(AuthenticationError, 403, "session_required",
                 lambda: client.projects.switch({"project_id": str(project.id)}))
    expect_error(NotFoundError, 404, "not_found", lambda: person.projects.switch({"project_id": str(uuid.uuid4())}))


@check("projects.reset_sandbox")
def reset_sandbox(client, flavour):
    """Runs last, because the sandbox is closed for longer than these checks wait. (tests/it checks what it removes.)"""
    project = sandbox(client)
    reset = client.projects.reset_sandbox()
    assert project.id in [one.id for one in reset.projects], "the sandbox still exists"
    assert str(reset.active_project.id) == flavour.ready["workspace_id"]
    expect_error(APIError, 409, "workspace_resetting",
                 lambda: flavour.person().projects.switch({"project_id": str(project.id)}))
