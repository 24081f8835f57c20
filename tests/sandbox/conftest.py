from tests.sandbox_fixture import namespace, own_sandbox, sandbox

__all__ = ["namespace", "own_sandbox", "sandbox"]
