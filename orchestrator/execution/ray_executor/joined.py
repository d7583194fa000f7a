"""Nodes and autoscaler of a Ray that was joined, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.autoscaler.sdk import request_resources
from ray.autoscaler.v2.utils import is_autoscaler_v2
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply  # type: ignore[attr-defined]
from ray.experimental.internal_kv import _internal_kv_get

from orchestrator.execution import autoscaler_report
from orchestrator.execution.autoscaler_report import Autoscaler
from orchestrator.execution.cluster_nodes import ClusterNode
from orchestrator.execution.joining import Bundle

STATUS_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class JoinedCluster:
    """The cluster that this process has joined; see `Cluster`."""

    def nodes(self) -> list[ClusterNode]:
        """See `Cluster.nodes`."""
        return [
            ClusterNode.counted(
                node["NodeID"], node["NodeManagerAddress"], node["Resources"], alive=node["Alive"]
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
        ]

    def autoscaler(self) -> Autoscaler:
        """See `Cluster.autoscaler`."""
        address = ray.get_runtime_context().gcs_address
        lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        gpu_types, cpu_types = autoscaler_report.node_types(autoscaler_report.configuration(lines, address))
        if is_autoscaler_v2():
            reply = GetClusterStatusReply()
            reply.ParseFromString(GcsClient(address).get_cluster_status(timeout_s=STATUS_TIMEOUT_S))
            reasons = autoscaler_report.second_reasons(reply.autoscaling_state)
        else:
            reasons = autoscaler_report.first_reasons(*map(_internal_kv_get, autoscaler_report.FIRST_KEYS))
        return Autoscaler(gpu_types, cpu_types, reasons)

    def request(self, bundles: Sequence[Bundle]) -> None:
        """See `Cluster.request`."""
        request_resources(bundles=[dict(bundle) for bundle in bundles])
