"""Dask workers that die in the middle of something."""

import contextlib
import os
import signal
import threading

from distributed import Client


@contextlib.contextmanager
def killing(cluster, doing):
    """Kill, with -9, the first worker inside the block that is seen in that function."""
    pids = {worker.worker_address: worker.pid for worker in cluster.workers.values()}
    over, victims = threading.Event(), []

    def watch(client):
        while not victims and not over.wait(0.005):
            for address, stacks in client.call_stack(keys=None).items():
                if any(doing in frame for stack in stacks.values() for frame in stack):
                    os.kill(pids[address], signal.SIGKILL)
                    victims.append(pids[address])
                    return

    with Client(cluster, set_as_default=False) as client:
        watcher = threading.Thread(target=watch, args=(client,))
        watcher.start()
        try:
            yield victims
        finally:
            over.set()
            watcher.join()
