from flows.commands.pipeline import _show_trained
from tasks.train import TrainedLifter

TRAINED = TrainedLifter(
    model_uri="models:/pose-lifter/3",
    version=3,
    run_id="0" * 32,
    people=2000,
    losses={"gan_1/generator_loss": 1.23456, "distill/joint_error": 0.1},
    diagnostics={},
    stage_seconds={"gan_1": 20.0, "distill": 60.0},
    seconds=81.4,
    resumed_at=0,
)


def test_a_training_is_summed_up_in_lines_for_people(capsys):
    _show_trained(TRAINED, as_json=False)
    lines = " ".join(capsys.readouterr().out.split())
    assert "models:/pose-lifter/3, alias champion" in lines
    assert "2000 2D poses in 81 s" in lines
    assert "gan 1 ended at generator_loss 1.235" in lines
    assert "distill ended at joint_error 0.1" in lines
    assert "lift photo.jpg --model models:/pose-lifter/3" in lines
    assert "{" not in lines
