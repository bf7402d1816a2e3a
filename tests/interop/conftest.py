"""TEMPORARY: to be deleted."""
import asyncio, os, re, signal, sqlite3, subprocess, sys, time
from pathlib import Path
import pytest
from authsvc.directory import apply, parse, read
from authsvc.domain.tokens import new_token, token_hash
from authsvc.store.migrate import migrate
from authsvc.store.sqlite import SqliteExecutor

ROOT = Path("/work/main")
CODE = """
import sys
from authsvc.config import load
from authsvc.cli.serve import announce
from authsvc.supervisor import Supervisor
s=load(dict(database_url='sqlite:///'+sys.argv[1],listen='127.0.0.1:0',grpc_listen='127.0.0.1:0'),{})
sys.exit(Supervisor(s,lambda l: print("\\n".join(l),flush=True)).run())
"""
def _stub_cli():
    import types
class Server:
    def __init__(self, db, url, address, grpcio_address):
        self.db, self.url, self.address, self.grpcio_address = db, url, address, grpcio_address
        self.n = 0
    def token(self, login_name, agent=None):
        login = login_name.split("@")[0]
        c = sqlite3.connect(self.db)
        uid, = c.execute("select u.id from users u join org_domains d on d.org_id=u.org_id where login=? and d.name=?", login_name.split("@")).fetchone()
        sid = None
        if agent:
            sid, = c.execute("select id from sessions where agent_id=? and user_id=?", (int(agent), uid)).fetchone()
        t = new_token(); self.n += 1; now = int(time.time()*1e6)
        c.execute("insert into access_tokens values(?,?,?,?,?,?,null)", (self.n, token_hash(t), uid, sid, now, now+10**12))
        c.commit(); c.close()
        return t

@pytest.fixture(scope="session")
def server(tmp_path_factory):
    db = tmp_path_factory.mktemp("db")/"x.db"
    migrate(db)
    async def go():
        ex = SqliteExecutor(db)
        r = await apply(ex, read(ROOT/"examples/demo.yaml"))
        print(r)
    try:
        asyncio.run(go())
    except TypeError as e:
        raise
    code = CODE.replace("from authsvc.cli.serve import announce\n", "")
    p = subprocess.Popen([sys.executable, "-c", code, str(db)], stdout=subprocess.PIPE, stderr=open("/tmp/v/interop.log","w"), text=True, env={**os.environ, "PYTHONPATH": "/work/main/src:/work/main/generated"})
    lines = []
    while len(lines) < 2:
        line = p.stdout.readline()
        assert line, lines
        if "listening" in line: lines.append(line)
    web = re.search(r"http://(\S+)", lines[0])[1]; g = re.search(r"listening on (\S+)", lines[1])[1]
    import threading
    threading.Thread(target=p.stdout.read, daemon=True).start()
    yield Server(db, f"http://{web}", web, g)
    p.terminate(); p.wait(); p.stdout.close()
