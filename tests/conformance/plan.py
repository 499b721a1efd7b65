"""Which cases run, in which role and how, and with which configuration of the programs."""

import re

import expect
import steps
import test_programs

NOT_YET = ()  # (pattern of the title, why)


def units(cases, arguments):
    """One for each case and role."""
    chosen = []
    for case in cases:
        if arguments.case and not any(case['id'] == c or (c.endswith('-') and case['id'].startswith(c))
                                      for c in arguments.case):
            continue
        for role in 'SC':
            if case['role'] in (role, 'B') and arguments.role in (None, role):
                chosen.append(unit(case, role))
    if arguments.data_only:
        chosen = [u for u in chosen if u['how'] == 'data']
    if arguments.rates:
        chosen = [u for u in chosen if compares_rates(u) == (arguments.rates == 'only')]
    return chosen


def unit(case, role):
    how = 'data'
    import procedures
    if any(words.search(case['title']) for words, _ in NOT_YET):
        how = 'not yet'
    elif procedures.find(case['id'], role):
        how = 'procedure'
    elif test_programs.find(case['id'], role):
        how = 'Catch2'
    return {'case': case, 'role': role, 'how': how, 'config': configuration(case, role, how)}


def configuration(case, role, how):
    """What the program needs: cases of one configuration share a process."""
    if how == 'procedure':
        import procedures
        return procedures.find(case['id'], role).config
    if how != 'data':
        return {'none': True}
    config = {}
    if 'allow_private=off' in case['title']:
        config['allow_private'] = False
    timed = re.search(r'\bat \w+(?: \(?| )(\d+) s', case['expect'])
    if timed:
        config['scale'] = 100 if int(timed[1]) >= 100 else 10
    if re.search(r'one CreditUpdate|sum\(granted\)', case['expect']):
        config['extra'] = ['--max-window', '65536']
    if re.search(r'for policy|same policy verdict', case['expect']):
        config['both_policies'] = True
    return config


def groups(chosen, jobs):
    """By role and configuration, cut so that all workers have something to do."""
    by_config = {}
    for u in chosen:
        by_config.setdefault((u['role'], repr(sorted(u['config'].items()))), []).append(u)
    out = []
    for members in by_config.values():
        size = max(8, -(-len(members) // (2 * jobs)))
        out += [members[i:i + size] for i in range(0, len(members), size)]
    return sorted(out, key=lambda g: -sum(cost(u) for u in g))


def compares_rates(u):
    if u['how'] != 'procedure':
        return False
    import procedures
    return procedures.find(u['case']['id'], u['role']).compares_rates


def cost(u):
    if u['how'] == 'procedure':
        import procedures
        return procedures.find(u['case']['id'], u['role']).cost
    return 3 if u['config'].get('scale') else 1


def result(u, status, message='', seconds=0.0):
    return {'id': u['case']['id'], 'role': u['role'], 'title': u['case']['title'], 'status': status,
            'message': message, 'seconds': seconds}


def not_yet(case):
    return next(why for words, why in NOT_YET if words.search(case['title']))


def interpretable(case):
    """Why a case cannot be run from its data; empty if it can."""
    if steps.payload(case) is None:
        return f'not interpreted: no input and no procedure for {case["id"]}'
    try:
        expect.understand(case)
    except expect.NotInterpreted as e:
        return str(e)
    return ''
