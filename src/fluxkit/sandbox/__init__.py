"""An embedded Kubernetes API server for laptops, tests and offline diffs.

``Sandbox(directory)`` starts, stops and resets it as a background process; ``serve(directory)`` runs it in the
foreground. It speaks HTTPS on the loopback interface only, keeps everything below one directory, and answers kubectl,
Helm and any other client as a Kubernetes 1.37 API server with a few simulated controllers would.

It promises: every write that was answered is on disk; what a watch shows is what lists show; refusals carry upstream's
codes, reasons and messages, as compared with the recorded answers of a kube-apiserver. It refuses to run containers, to
listen on other interfaces, and to be used in-process by the rest of fluxkit: tests and the demo talk to it over HTTP
like any client.
"""

from typing import TYPE_CHECKING

from fluxkit.sandbox.process import Sandbox, SandboxError, SandboxStatus

if TYPE_CHECKING:
    from fluxkit.sandbox.service import serve

__all__ = ["Sandbox", "SandboxError", "SandboxStatus", "serve"]


def __getattr__(name: str) -> object:
    # The server's dependencies take a while to import; whoever only starts and stops it does without them.
    if name == "serve":
        from fluxkit.sandbox.service import serve

        return serve
    raise AttributeError(name)
