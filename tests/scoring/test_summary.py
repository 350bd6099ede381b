"""The table of results at the end of a run."""

from steps_py.scoring.measures import metrics_of
from steps_py.scoring.summary import summary_lines


def test_each_list_and_system_has_a_row_and_each_metric_a_column(tmp_path):
    path = tmp_path / "metrics.tsv"
    rows = ["list\tsystem\tcondition\tmetric\tvalue\tlow\thigh\tnum_trials"]
    for pair, eer, cost in (("vox1\tplda", 3.1284, 0.3), ("vox1_hard\tcosine", 12, 1)):
        rows += [f"{pair}\t\teer_percent\t{eer}\t2.9\t13\t9"]
        rows += [f"{pair}\t\tmin_dcf_0.01\t{cost}\t\t\t9"]
        rows += [f"{pair}\tgender=m-f\teer_percent\t\t\t\t9"]
    path.write_text("\n".join(rows) + "\n")
    head, first, second = summary_lines(path, metrics_of(["eer", "min_dcf"], [0.01]))
    assert head.split("  ")[0] == "list"
    assert "EER %" in head and "minDCF 0.01" in head
    assert first.split() == ["vox1", "plda", "3.128", "[2.90,", "13.00]", "0.3000"]
    assert second.split() == ["vox1_hard", "cosine", "12.000", "[2.90,", "13.00]", "1.0000"]
    assert len(first) == len(second) == len(head)
