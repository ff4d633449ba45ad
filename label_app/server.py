"""MONAI Label's web application; what it would answer with a traceback is answered with one line."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse
from monailabel.app import app
from monailabel.interfaces.exception import MONAILabelException
from monailabel.interfaces.utils.app import app_instance
from pydantic import ValidationError

from mani_monai.utils import InputError

__all__ = ["app"]


@app.exception_handler(MONAILabelException)
async def not_possible(request: Request, error: MONAILabelException) -> JSONResponse:
    return JSONResponse({"detail": str(error.msg)}, 400)


@app.exception_handler(ValidationError)
@app.exception_handler(json.JSONDecodeError)
async def not_understood(request: Request, error: ValueError) -> JSONResponse:
    return JSONResponse({"detail": f"the request cannot be understood: {' '.join(str(error).split())}"}, 400)


@app.middleware("http")
async def refuse_trainings(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """MONAI Label starts a process for whatever training is asked for, and says "SUBMITTED"."""
    place, _, model = request.url.path.strip("/").partition("/")
    if request.method == "POST" and place == "train" and model:
        try:
            options = json.loads(await request.body() or b"{}")
            app_instance().check_training({**(options or {}), "model": model})
        except HTTPException as error:
            return JSONResponse({"detail": error.detail}, error.status_code)
        except InputError as error:
            return JSONResponse({"detail": str(error)}, 400)
        except (ValueError, TypeError) as error:
            return JSONResponse({"detail": f"the request cannot be understood: {error}"}, 400)
    return await call_next(request)
