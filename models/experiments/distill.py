"""refine with score targets half from a teacher: distill.py TEACHER OUT EPOCHS INIT DATA"""
import sys, time, json, torch
from dataclasses import replace
from pathlib import Path
from torch.nn import functional
from scrfd_edge.annotations import read_annotated
from scrfd_edge.evaluation.held_out import HeldOut
from scrfd_edge.networks import checkpoint
from scrfd_edge.training import loop, losses
from scrfd_edge.training.batches import Pictures
from scrfd_edge.training.loop import Trainer
from scrfd_edge.training.recipe import find_recipe
from scrfd_edge.training.crops import REDISTRIBUTED_SCALES
from scrfd_edge.training.kernels import install
from dataclasses import asdict
teacher, out, epochs = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
init = Path(sys.argv[4])
d = checkpoint.load(init)[0].description
recipe = find_recipe('refine', d, epochs, REDISTRIBUTED_SCALES, None, 0.005, 1.0)
data = Path(sys.argv[5])
kept, held = read_annotated(data).split(data/'dev.txt')
pictures, held_out = Pictures(kept.images, kept.notes, 8 << 30), HeldOut(held.images, held.notes)
t = Trainer(d, pictures, recipe, out, seed=0, device='cpu')
if (out/'state.pt').exists(): t.resume()
else: t.start_from(init)
install(t.net)
if teacher != 'none':
    from scrfd_edge.networks.folding import folded
    master = folded(checkpoint.load(teacher)[0]).to(torch.bfloat16).to(memory_format=torch.channels_last).eval()
    stash = {}
    @torch.no_grad()
    def before(module, args):
        if module.training: stash['t'] = master(args[0].bfloat16()).scores
    t.net.register_forward_pre_hook(before)
    ALPHA = 0.5
    plain = losses.functional.binary_cross_entropy_with_logits
    def bce(logits, quality, reduction='none'):
        soft = losses.flatten(stash['t'], 2).squeeze(-1).sigmoid()
        bad = ~torch.isfinite(soft)
        if bad.any(): print('not finite', int(bad.sum()), flush=True); soft = torch.where(bad, quality, soft)
        quality.mul_(1 - ALPHA).add_(soft, alpha=ALPHA)   # in place: the focal weight sees it too
        return plain(logits, quality, reduction=reduction)
    losses.functional = type('F', (), {'binary_cross_entropy_with_logits': staticmethod(bce), 'smooth_l1_loss': staticmethod(functional.smooth_l1_loss)})
t.run(measure=lambda w: asdict(held_out.measure(w, device='cpu')))
