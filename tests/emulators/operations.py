"""Google's long-running operations: started at once, asked for until they are done."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Thread
from typing import Any

from google.longrunning import operations_pb2
from google.rpc import status_pb2

_AT_ONCE_SECONDS = 1.0


class OperationError(Exception):
    """An operation that ends in an error.

    Attributes:
        code: A code of `google.rpc.code_pb2`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Operations:
    """The operations of a project, by name."""

    def __init__(self) -> None:
        self._known: dict[str, operations_pb2.Operation] = {}
        self._numbers = count(1)

    def start(self, parent: str, work: Callable[[], Any]) -> operations_pb2.Operation:
        """Begin some work, whose result is a message of proto-plus, or None for nothing."""
        name = f"{parent}/operations/{next(self._numbers)}"
        self._known[name] = operations_pb2.Operation(name=name)
        thread = Thread(target=self._run, args=(name, work), daemon=True)
        thread.start()
        # Google answers late, too, where that saves the client a question: it asks each second.
        thread.join(_AT_ONCE_SECONDS)
        return self._known[name]

    def get(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        """The present state of an operation."""
        if request.name not in self._known:
            raise LookupError(f"{request.name} is not found.")
        return self._known[request.name]

    def _run(self, name: str, work: Callable[[], Any]) -> None:
        done = operations_pb2.Operation(name=name, done=True)
        try:
            result = work()
        except OperationError as error:
            done.error.CopyFrom(status_pb2.Status(code=error.code, message=str(error)))
        else:
            if result is None:
                done.response.type_url = "type.googleapis.com/google.protobuf.Empty"
            else:
                done.response.Pack(type(result).pb(result))
        self._known[name] = done
