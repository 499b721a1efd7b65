"""Runs a group of cases of one role and one configuration, and prints one JSON line for each."""

import json
import sys
import threading
import time
import traceback

import bench
import expect
import network
import plan
import procedures
import test_programs
from peer import Failed, check
from sides import ClientSide, ServerSide
from targets import Targets

DELIVERIES = ('whole', 'bytewise', 'coalesced')


class Context:
    """What procedures and deliveries work with."""

    def __init__(self, job, role, config):
        self.job = job
        self.role = role
        self.config = config
        self.full = job['full']
        self.slow = job['slow']
        self.namespace = job['namespace']
        self._targets = None
        self._hole = None
        self._program = None
        self.notes = []

    @property
    def targets(self):
        if self._targets is None:
            self._targets = Targets()
        return self._targets

    def black_hole(self):
        """Makes 192.0.2.1:9 not answer, if this machine's network does not do so already."""
        if self._hole is None:
            self._hole = network.BlackHole() if self.namespace else True
            check(network.BlackHole.works(), 'no black hole on this machine')

    @property
    def program(self):
        """The one of this group, started when it is first needed."""
        if self._program is None:
            self._program = self.start(**{k: v for k, v in self.config.items() if k in START_OPTIONS})
        return self._program

    def start(self, **how):
        if self.role == 'S':
            server = bench.Server(self.job['server'], **how)
            server.allows_private = how.get('allow_private', True)
            return server
        how.pop('allow_private', None)
        return bench.Client(self.job['client'], **how)

    def stop(self):
        """The process of the group must be healthy to its end; returns what is wrong."""
        if self._program is None:
            return ''
        program, self._program = self._program, None
        alive = program.alive()
        status = program.stop()
        if not alive or status != 0:
            return f'the process {"ended before" if not alive else "ended with"} {status}: {program.log()[-3000:]}'
        return ''


START_OPTIONS = ('allow_private', 'scale', 'extra', 'nofile')


def main():
    network.die_with_parent()
    job = json.load(sys.stdin)
    if job['namespace']:
        network.set_up()
    units = job['units']
    context = Context(job, units[0]['role'], units[0]['config'])
    for u in units:
        started = time.monotonic()
        status, message = run(context, u)
        if context._program is not None and not context._program.alive():
            status, message = 'failed', f'{message} {context.stop()}'
        last = u is units[-1]
        if last and (wrong := context.stop()):
            status, message = 'failed', f'{message} {wrong}'
        print(json.dumps(plan.result(u, status, message, time.monotonic() - started)), flush=True)
    return 0


def run(context, u):
    """(status, message)"""
    context.notes = []
    try:
        if u['how'] == 'not yet':
            return 'not applicable', plan.not_yet(u['case'])
        if u['how'] == 'Catch2':
            return 'passed', test_programs.run(u['case']['id'], u['role'], context.job['tests'])
        if u['how'] == 'procedure':
            check(context.role == 'C' or context.targets, 'no targets')
            procedures.find(u['case']['id'], u['role']).function(context)
        else:
            run_data(context, u)
        return 'passed', '; '.join(context.notes)
    except Failed as e:
        return 'failed', str(e)
    except Exception:  # whatever it is: the other cases go on
        return 'failed', traceback.format_exc(limit=-4)
    finally:
        if context._targets is not None:
            context._targets.close_all()


def run_data(context, u):
    problem = plan.interpretable(u['case'])
    check(not problem, problem)
    if '192.0.2.1' in u['case']['title'] or 'c0000201' in (u['case']['input_hex'] or ''):
        context.black_hole()
    deliver_all(context, u['case'])
    if u['config'].get('both_policies'):
        strict = Context(context.job, 'S', {'allow_private': False})
        strict._targets = context.targets
        context.stop()
        try:
            deliver_all(strict, u['case'])
        finally:
            wrong = strict.stop()
        check(not wrong, wrong)


def deliver_all(context, case):
    if context.config.get('scale', 1) == 1:
        for delivery in DELIVERIES:
            deliver(context, case, delivery)
        return
    # They wait for a time-out: three at once, each with a connection of its own.
    wrong = []

    def one(delivery):
        try:
            deliver(context, case, delivery)
        except Exception as e:
            wrong.append(e)
    if context.role == 'C':
        for delivery in DELIVERIES:
            deliver(context, case, delivery)
        return
    check(context.program.alive() and context.targets, 'not started')
    threads = [threading.Thread(target=one, args=(d,)) for d in DELIVERIES]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise wrong[0]


def deliver(context, case, delivery):
    targets = context.targets if context.role == 'S' else None
    kind = ServerSide if context.role == 'S' else ClientSide
    try:
        expect.run_delivery(kind(case, delivery, context.program, targets, context.full))
    except Failed as e:
        raise Failed(f'{delivery}: {e}') from e
