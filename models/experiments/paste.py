"""refine with pasted faces (share of pictures) or control: paste.py SHARE OUT EPOCHS INIT DATA"""
import sys, numpy as np, cv2
from dataclasses import asdict
from pathlib import Path
from scrfd_edge.annotations import read_annotated
from scrfd_edge.evaluation.held_out import HeldOut
from scrfd_edge.networks import checkpoint
from scrfd_edge.training import loop
from scrfd_edge.training.batches import Batches, Pictures, _Example
from scrfd_edge.training.loop import Trainer
from scrfd_edge.training.recipe import find_recipe
from scrfd_edge.training.crops import REDISTRIBUTED_SCALES
from scrfd_edge.training.kernels import install
share, out, epochs = float(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
class Pasting(Batches):
    def _faces(self):
        if not hasattr(self,'_stock'):
            stock=[]
            for i,a in enumerate(self._pictures.annotations):
                b=a.boxes; w=b[:,2]-b[:,0]; h=b[:,3]-b[:,1]; ok=~a.ignored & (np.minimum(w,h)>=24)
                for k in np.flatnonzero(ok):
                    m=0.35*max(w[k],h[k]); x1,y1,x2,y2=b[k]+np.array([-m,-m,m,m])
                    if x1<0 or y1<0 or x2>a.width or y2>a.height: continue
                    over=(b[:,0]<x2)&(b[:,2]>x1)&(b[:,1]<y2)&(b[:,3]>y1)
                    if over.sum()==1: stock.append((i,k))
            self._stock=stock
        return self._stock
    def _example(self, phase, place, out, level):
        e=super()._example(phase,place,out,level)
        rng=np.random.default_rng((self._seed,7,place))
        if rng.random()>=share*(1 if level>0.75 else 0.5) or not len(e.boxes): return e
        stock=self._faces(); H,W=out.shape[:2]
        boxes,points,vis=[e.boxes],[e.landmarks],[e.visible]
        for _ in range(rng.integers(1,5)):
            i,k=stock[rng.integers(len(stock))]; a=self._pictures.annotations[i]; b=a.boxes[k]
            side=max(b[2]-b[0],b[3]-b[1]); want=float(np.exp(rng.uniform(np.log(12),np.log(160)))); want=min(want,2*side); f=want/side
            m=0.35*side; r=b+np.array([-m,-m,m,m]); rw,rh=int(round((r[2]-r[0])*f)),int(round((r[3]-r[1])*f))
            if rw>=W or rh>=H: continue
            for _ in range(8):
                x,y=int(rng.integers(W-rw)),int(rng.integers(H-rh))
                every=np.concatenate(boxes+[e.ignored])
                if not ((every[:,0]<x+rw)&(every[:,2]>x)&(every[:,1]<y+rh)&(every[:,3]>y)).any(): break
            else: continue
            src=self._pictures.picture(i)[int(r[1]):int(np.ceil(r[3])),int(r[0]):int(np.ceil(r[2]))]
            img=cv2.resize(src,(rw,rh),interpolation=cv2.INTER_AREA if f<1 else cv2.INTER_LINEAR).astype(np.float32)
            yy,xx=np.mgrid[0:rh,0:rw]; d=np.sqrt(((xx+.5)/rw*2-1)**2+((yy+.5)/rh*2-1)**2); al=np.clip((1.12-d)/0.2,0,1)[...,None].astype(np.float32)
            img*=np.float32(rng.uniform(0.75,1.25))
            v=out[y:y+rh,x:x+rw]; v[:]=np.rint(v*(1-al)+img*al).clip(0,255)
            o=np.array([x,y],np.float32); c=np.array([r[0],r[1]],np.float32)
            boxes.append(((b-np.tile(c,2))*f+np.tile(o,2))[None].astype(np.float32)); points.append(((a.landmarks[k]-c)*f+o)[None].astype(np.float32)); vis.append(np.array([a.visible[k].mean()],np.float32))
        return e._replace(boxes=np.concatenate(boxes),landmarks=np.concatenate(points),visible=np.concatenate(vis).astype(e.visible.dtype))
if __name__=='__main__':
    init = Path(sys.argv[4])
    d = checkpoint.load(init)[0].description
    recipe = find_recipe('refine', d, epochs, REDISTRIBUTED_SCALES, None, 0.005, 1.0)
    data = Path(sys.argv[5])
    kept, held = read_annotated(data).split(data/'dev.txt')
    pictures, held_out = Pictures(kept.images, kept.notes, 8 << 30), HeldOut(held.images, held.notes)
    if share: loop.Batches=Pasting
    t = Trainer(d, pictures, recipe, out, seed=0, device='cpu')
    if (out/'state.pt').exists(): t.resume()
    else: t.start_from(init)
    install(t.net)
    t.run(measure=lambda w: asdict(held_out.measure(w, device='cpu')))
