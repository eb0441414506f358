"""A pooler that drops what is asked for at connecting is refused at the start, with what to do."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import create_engine

from followup.context import AppContext
from followup.domain.errors import ConfigurationError
from followup.store.engine.session import Store
from followup.store.schema.current import require_current


def test_a_connection_without_what_it_asked_for_is_refused(postgres_app: AppContext):
    # As PgBouncer hands it on with `ignore_startup_parameters = options`.
    bare = create_engine(postgres_app.store.engine.url)

    with closing(Store(bare)), pytest.raises(ConfigurationError, match="PgBouncer"):
        require_current(bare)
