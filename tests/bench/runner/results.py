"""All that was measured, by workload, program and round."""
from collections import defaultdict
from statistics import median


class Results:
    def __init__(self):
        self._runs = defaultdict(dict)  # (workload, program) -> {round: metrics}
        self.failures = []

    def add(self, workload, program, number, metrics):
        self._runs[workload, program][number] = metrics

    def fail(self, workload, program, why):
        self.failures.append(f"{workload}, {program}: {why}")

    def rounds(self, workload, program):
        return self._runs.get((workload, program), {}).keys()

    def value(self, workload, program, number, metric):
        return self._runs.get((workload, program), {}).get(number, {}).get(metric)

    def metrics(self, workload, program):
        """The names, in the order in which they were printed."""
        names = {}
        for run in self._runs.get((workload, program), {}).values():
            names.update(dict.fromkeys(run))
        return list(names)

    def median(self, workload, program, metric):
        runs = self._runs.get((workload, program), {}).values()
        values = [run[metric] for run in runs if metric in run]
        return median(values) if values else None

    def workloads(self):
        return list(dict.fromkeys(workload for workload, _ in self._runs))

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("workload\tprogram\tround\tmetric\tvalue\n")
            for (workload, program), runs in self._runs.items():
                for number, run in runs.items():
                    for metric, value in run.items():
                        file.write(f"{workload}\t{program}\t{number + 1}\t{metric}\t{value:g}\n")
