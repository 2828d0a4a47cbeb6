"""What auth refuses."""

from __future__ import annotations

from common.constraints import means
from common.errors import Conflict, Forbidden, Unauthenticated


class SlugTaken(Conflict):
    """Another tenant has the slug."""

    code, title = "tenant_slug_taken", "The slug is taken"


class EmailTaken(Conflict):
    """Another user of the tenant has the address."""

    code, title = "user_email_taken", "The address is taken"


class SignupClosed(Forbidden):
    """The stage does not let tenants register themselves."""

    code, title = "signup_closed", "Sign-up is closed"


class BadCredentials(Unauthenticated):
    """Tenant, address or password is wrong; which of them is not told."""

    code, title, keep = "bad_credentials", "Wrong tenant, address or password", True


means("tenants_slug_key", lambda: SlugTaken("Choose another slug; this one belongs to another tenant."))
means("users_tenant_id_email_key", lambda: EmailTaken("A user with this address exists already."))
