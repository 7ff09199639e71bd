"""The gRPC face of the administrator: the service spanhouse.v1.Admin."""

from collections.abc import AsyncIterator
from typing import NoReturn

import grpc

from spanhouse_backend.admin.administrator import Administrator
from spanhouse_backend.admin.wire import retention_to_proto
from spanhouse_backend.errors import BackupRefused, InvalidQuestion, StoreError
from spanhouse_backend.query.wire import STORE_FAILED
from spanhouse_backend.retention import parse_retention
from spanhouse_proto import admin_pb2, admin_pb2_grpc

ADMIN_SERVICE = admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name


def add_admin_service(server: grpc.aio.Server, administrator: Administrator) -> None:
    """Registers the service; its name for health checks is ADMIN_SERVICE."""
    admin_pb2_grpc.add_AdminServicer_to_server(_Admin(administrator), server)


class _Admin(admin_pb2_grpc.AdminServicer):
    """Each method reads its request, asks the administrator, and encodes the answer."""

    def __init__(self, administrator: Administrator) -> None:
        self._administrator = administrator

    async def GetRetention(  # noqa: N802  # the name is the protocol's
        self, request: admin_pb2.GetRetentionRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> admin_pb2.Retention:
        del request
        try:
            return retention_to_proto(await self._administrator.retention())
        except StoreError as error:
            await _abort(context, error)

    async def SetRetention(  # noqa: N802  # the name is the protocol's
        self, request: admin_pb2.SetRetentionRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> admin_pb2.Retention:
        try:
            return retention_to_proto(await self._administrator.set_retention(parse_retention(request.retention)))
        except (InvalidQuestion, StoreError) as error:
            await _abort(context, error)

    async def Backup(  # noqa: N802  # the name is the protocol's
        self, request: admin_pb2.BackupRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> AsyncIterator[admin_pb2.BackupPiece]:
        del request
        try:
            # Cancelled when the client goes away, which ends the block too.
            async with self._administrator.backup() as backup:
                yield admin_pb2.BackupPiece(size_bytes=backup.size_bytes)
                async for piece in backup.pieces:
                    yield admin_pb2.BackupPiece(piece=piece)
        except BackupRefused as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except StoreError as error:
            await _abort(context, error)
        except OSError as error:
            await context.abort(grpc.StatusCode.INTERNAL, f"the backup cannot be read: {error.strerror or error}")


async def _abort(context: grpc.aio.ServicerContext[object, object], error: InvalidQuestion | StoreError) -> NoReturn:
    if isinstance(error, InvalidQuestion):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    await context.abort(grpc.StatusCode.UNAVAILABLE, str(error), (STORE_FAILED,))
