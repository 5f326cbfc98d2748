"""The generated files of protos/: the second version of the .proto files, and the modules."""

from pathlib import Path

import pytest
from django.core.management import call_command

from ecommerce.second_protos import second_protos
from tests.support.live import ROOT

FIRST = """\
// Parcels.
syntax = "proto3";
package ecommerce;
option go_package = "shop.example/ecommerce;ecommerce";

// A parcel.
message Order {
  // The status of the parcel:
  // - packed: in a box.
  // - sent: on its way.
  string status = 1;
  // The fee, in major units.
  optional double fee = 2;
  // The tax in percent.
  optional double percent = 3;
  // When it was packed, in Unix seconds.
  optional int64 packed_at = 4;
  // Weight in grams.
  int64 weight = 5;
}
"""
SECOND = """
// A parcel.
message Order {
  // The status of the parcel.
  OrderStatus status = 1;
  // The fee.
  Money fee = 2;
  // The tax in percent.
  optional double percent = 3;
  // When it was packed, in whole seconds.
  google.protobuf.Timestamp packed_at = 4;
  // Weight in grams.
  int64 weight = 5;
}
"""
STATUS = """
// The status of the parcel.
enum OrderStatus {
  // Not set.
  ORDER_STATUS_UNSPECIFIED = 0;
  // In a box.
  ORDER_STATUS_PACKED = 1;
  // On its way.
  ORDER_STATUS_SENT = 2;
}
"""


def _generated(root: Path) -> dict[Path, str]:
    files = [*root.glob("protos/v2/*.proto"), *root.glob("protos/**/*_pb2*.py"), *root.glob("protos/**/*_pb2*.pyi")]
    return {path.relative_to(root): path.read_text() for path in files}


@pytest.mark.same_everywhere
def test_generated_files_are_fresh(tmp_path: Path) -> None:
    call_command("makeprotos", out=str(tmp_path))

    written, committed = _generated(tmp_path), _generated(ROOT)
    assert len(written) == 16
    assert written == committed, "Write them anew: python manage.py makeprotos"


@pytest.mark.same_everywhere
def test_second_version_has_types_for_money_moments_and_enums(tmp_path: Path) -> None:
    (tmp_path / "parcels.proto").write_text(FIRST)

    text = second_protos(tmp_path)

    assert SECOND in text
    assert text.endswith(STATUS)
