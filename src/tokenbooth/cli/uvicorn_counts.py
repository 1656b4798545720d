"""How many connections and requests this process has at the moment: uvicorn counts them anyway."""

from uvicorn.server import ServerState

from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.counting import Metrics


class ServerCounts:
    """What uvicorn's server of this process knows, once it has let somebody in."""

    state: ServerState | None = None

    def connections(self) -> int:
        """How many connections are open."""
        return len(self.state.connections) if self.state is not None else 0

    def under_way(self) -> int:
        """How many requests are being answered."""
        return len(self.state.tasks) if self.state is not None else 0

    def tell(self, metrics: Metrics) -> None:
        """Let the metrics ask."""
        metrics.asked |= {
            families.CONNECTIONS: self.connections,
            families.UNDER_WAY: self.under_way,
        }


server_counts = ServerCounts()
