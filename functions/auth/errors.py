"""What auth refuses."""

from __future__ import annotations

from common.constraints import means
from common.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class SlugTaken(Conflict):
    """Another tenant has the slug."""

    code, title = "tenant_slug_taken", "The slug is taken"


class EmailTaken(Conflict):
    """Another user of the tenant has the address."""

    code, title = "user_email_taken", "The address is taken"


class RoleNameTaken(Conflict):
    """Another role of the tenant has the name."""

    code, title = "role_name_taken", "The name is taken"


class RoleInUse(Conflict):
    """Users still have the role."""

    code, title = "role_in_use", "The role is in use"


class BuiltInRole(Conflict):
    """The role is one of the four that each tenant has."""

    code, title = "role_built_in", "The role is built in"


class LastOwner(Conflict):
    """The tenant would be left without an owner."""

    code, title = "last_owner", "The tenant needs an owner"


class SignupClosed(Forbidden):
    """The stage does not let tenants register themselves."""

    code, title = "signup_closed", "Sign-up is closed"


class Exceeds(Forbidden):
    """It would give, or reach, more than the caller may do."""

    code, title = "exceeds_own_permissions", "More than you may do yourself"


class UnknownPermission(Invalid):
    """A pattern stands for no permission there is."""

    code, title = "unknown_permission", "No such permission"


class BadCredentials(Unauthenticated):
    """Tenant, address or password is wrong, or the account is locked; which of them is not told."""

    code, title, keep = "bad_credentials", "Wrong tenant, address or password", True


class OneTimeCodeRequired(Unauthenticated):
    """The password is right, and the account has a second factor."""

    code, title, keep = "otp_required", "Send the code of your authenticator, too", True


class Throttled(TooManyRequests):
    """Too many failures came from the caller's address."""

    keep = True


class Busy(Unavailable):
    """All places for password hashing are taken."""

    code, title = "busy", "Try again in a moment"


class WrongPassword(Forbidden):
    """The present password is not the one given."""

    code, title, keep = "wrong_password", "Wrong password", True


class WrongCode(Forbidden):
    """The one-time code is wrong or was used."""

    code, title, keep = "wrong_code", "Wrong code", True


class WeakPassword(Invalid):
    """The password breaks the tenant's policy."""

    code, title = "weak_password", "Choose another password"


class RefreshRefused(Unauthenticated):
    """The refresh token is not good, or not any more."""

    code, title, keep = "refresh_refused", "Sign in again", True


class RefreshReused(RefreshRefused):
    """The refresh token was used before; its whole family has been revoked."""

    code, title = "refresh_reused", "Sign in again"


class TokenSpent(Gone):
    """The link was used, has expired, or never was."""

    code, title = "token_spent", "The link is no longer good"


class TotpActive(Conflict):
    """The account has an authenticator already."""

    code, title = "totp_active", "An authenticator is set up already"


class TotpAbsent(Conflict):
    """The account has no authenticator, or none that waits to be confirmed."""

    code, title = "totp_absent", "There is no authenticator"


class OAuthError(BadRequest):
    """A refusal of the OAuth endpoints, told as RFC 6749, section 5.2: ``error`` and a description."""

    code, title = "oauth_error", "The request was refused"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class GrantRefused(OAuthError):
    """The code or refresh token is not good; what is found out about it, is kept."""

    keep = True

    def __init__(self, description: str) -> None:
        super().__init__("invalid_grant", description)


class InvalidClient(OAuthError):
    """Client authentication failed (RFC 6749, 5.2); 401 with the scheme that would do."""

    status = 401

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)
        self.headers = {"WWW-Authenticate": 'Basic realm="groundwork", charset="UTF-8"'}


means("tenants_slug_key", lambda: SlugTaken("Choose another slug; this one belongs to another tenant."))
means("users_tenant_id_email_key", lambda: EmailTaken("A user with this address exists already."))
means("users_pkey", lambda: Conflict("An id that you give is that of a user already; leave it out."))
means("roles_tenant_id_name_key", lambda: RoleNameTaken("Choose another name; a role has this one."))
