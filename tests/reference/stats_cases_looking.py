"""Makes stats_cases_looking.json: extremes of looking early, drift and assignment, from the formulas of statistics (d), (h), (j).

    pip install mpmath && python stats_cases_looking.py > stats_cases_looking.json
"""

import hashlib, json
from mpmath import mp, mpf
import mpmath as M
mp.dps=40
def sizes(x,level,nt):
    tot,sq,cnt,out=mpf('.5'),mpf('.25'),1,[]
    for v in x:
        out.append(M.sqrt(-2*M.log(level)/(nt*sq/cnt))); cnt+=1; tot+=v; sq+=(v-tot/cnt)**2
    return out
def cap(x,s,m,c):
    out=[mpf(0)]
    for v,l in zip(x,s):
        f=1+min(l, c/m if m else mpf('1e60'))*(v-m)
        out.append(out[-1]+(M.log(f) if f>0 else -mpf('1e60')))
    return out
def low(x,s,level,c,run):
    ok=lambda m:(max(cap(x,s,m,c)) if run else cap(x,s,m,c)[-1])>=-M.log(level)
    if not ok(mpf(0)): return mpf(0)
    a,b=mpf(0),mpf(1)
    for _ in range(70):
        k=(a+b)/2
        a,b=(k,b) if ok(k) else (a,k)
    return a
def cs(x,alpha,nt,c):
    x=[mpf(v) for v in x]; y=[1-v for v in x]; alpha=mpf(alpha); c=mpf(c); L=alpha/2
    s=sizes(x,L,mpf(nt)); h=mpf('.5')
    kp,km=cap(x,s,h,c),cap(y,s,h,c)
    d=dict(low=low(x,s,L,c,0),high=1-low(y,s,L,c,0),low_running=low(x,s,L,c,1),high_running=1-low(y,s,L,c,1),
      log_k_plus_at_half=kp[-1],log_k_minus_at_half=km[-1])
    d['p']=min(mpf(1),2*M.exp(-max(max(kp),max(km))))
    return {k:(float(v) if abs(v)<1e50 else '-inf') for k,v in d.items()}
def lcg(seed):
    x=seed
    while True:
        x=(x*6364136223846793005+1442695040888963407)%2**64; yield (x>>11)/2**53
g=lcg(5)
out=[]
for x,a,n,c in [([1.0],.49,1,.5),([0.0],.49,1,1.0),([0.0,1.0,0.0],.05,1,1.0),([1e-12]*30,.05,10,.5),([next(g) for _ in range(25)],1e-6,5,.9),([0.0]*40,1e-10,3,1.0),([next(g)**8 for _ in range(60)],.05,1e6,.5)]:
    out.append(dict(kind='betting_cs',inputs=dict(x=x,alpha=a,n_tune=n,truncation=c),expected=cs(x,a,n,c)))
# ab_anytime, weights 2:1
def aba(events,w,lo,hi,alpha,nt,c=mpf('.5')):
    A=[mpf(v) for k,v in events if k=='A']; B=[mpf(v) for k,v in events if k=='B']
    k=min(len(A)//w[0],len(B)//w[1]); r=mpf(hi-lo)
    pr=[(sum(A[i*w[0]:(i+1)*w[0]])/w[0],sum(B[i*w[1]:(i+1)*w[1]])/w[1]) for i in range(k)]
    x=[((b-a)/r+1)/2 for a,b in pr]; y=[1-v for v in x]; L=mpf(alpha)/2
    s=sizes(x,L,mpf(nt)); h=mpf('.5'); kp,km=cap(x,s,h,c),cap(y,s,h,c)
    st=next((t for t in range(1,k+1) if max(kp[t],km[t])>=-M.log(L)),None); u=st or k
    return dict(pairs=k,stopped_at_pair=st,diff=float(sum(b-a for a,b in pr[:u])/u),low=float((2*low(x[:u],s,L,c,0)-1)*r),high=float((1-2*low(y[:u],s,L,c,0))*r))
ev=[]
for _ in range(300):
    arm='A' if next(g)<2/3 else 'B'; ev.append([arm,float(1+int(next(g)*4)+(1 if arm=='A' and next(g)<.6 else 0))])
for w,ww in [((2,1),[100,50]),((3,2),[3,2]),((1,20),[5,100])]:
    out.append(dict(kind='ab_anytime',inputs=dict(events=ev,weights=ww,score_min=1,score_max=5,alpha=.05,n_tune=40),expected=aba(ev,w,1,5,'.05',40)))
# drift with missing, floor, clip
def tcdf(t,df):
    return M.betainc(mpf(df)/2,mpf(1)/2,0,mpf(df)/(df+t*t),regularized=True)/2
def U(ear,v,f,clip):
    n=len(ear); m=sum(ear)/n; s=M.sqrt(sum((e-m)**2 for e in ear)/(n-1)); T=(v-m)/(max(s,f)*M.sqrt(1+mpf(1)/n))
    q=tcdf(abs(T),n-1)
    if q==mpf('.5'): return mpf(0)
    # quantile
    z=M.findroot(lambda z:M.log(M.erfc(z/M.sqrt(2))/2)-M.log(q),M.sqrt(max(mpf('.01'),-2*M.log(2*q)))*mpf('.8')+mpf('.05'))
    z=min(z,clip); return z if T>0 else -z
def drift(runs,base,f,clip,A):
    f,clip=mpf(f),mpf(clip)
    it=None; Y=[];V=[];us=[];vs=[];ms=[];al=None;mb=[mpf(0)]*6;ib=[mpf(0)]*3
    for t,r in enumerate(runs,1):
        if 10*sum(v is not None for v in r)<9*len(r): continue
        n=len(Y)
        em=[sum(c)/n for c in it] if n else None
        sc=[mpf(v) if v is not None else em[i] for i,v in enumerate(r)]
        y=sum(sc)/len(sc)
        v=M.sqrt(sum((a-b)**2 for a,b in zip(sc,em))/len(sc)/(1+mpf(1)/n)) if n else None
        if n>=base:
            u,w=U(Y,y,f,clip),U(V,v,f,clip)
            mb=[(m+1)*M.exp(b*u-b*b/2) for m,b in zip(mb,map(mpf,(-2,-1,-.5,.5,1,2)))]
            ib=[(m+1)*M.exp(b*w-b*b/2) for m,b in zip(ib,map(mpf,(.5,1,2)))]
            m=sum(mb)/12+sum(ib)/6; us.append(u);vs.append(w);ms.append(m)
            if m>=A and al is None: al=t
        Y.append(y); 
        if n: V.append(v)
        if it is None: it=[[] for _ in sc]
        for c,a in zip(it,sc): c.append(a)
    return dict(u_mean=[float(a) for a in us],u_items=[float(a) for a in vs],m=[float(a) for a in ms],alarm_run=al)
runs=[[round(.3+.05*i+.1*next(g),2) for i in range(10)] for _ in range(14)]
runs[3][2]=None; runs[6][9]=None; runs[8][0]=None; runs[8][1]=None
runs+=[[round(max(0,v-.2),2) if v is not None else None for v in r] for r in runs[9:14]]
out.append(dict(kind='drift_esr',inputs=dict(runs=runs,baseline_runs=5,floor=.0025,clip=3.5,alarm_level=50),expected=drift(runs,5,.0025,3.5,50)))
const=[[.5,.75]]*5+[[.5,.76]]*3+[[.5,.75],[.25,1.0]]
out.append(dict(kind='drift_esr',inputs=dict(runs=const,baseline_runs=3,floor=.0025,clip=2.0,alarm_level=365),expected=drift(const,3,'.0025','2.0',365)))
for p,s,u,b in [('exposure','exp-1','user-1',10000),('variant','','日本語',10000),('exposure','s','a'*5000,365)]:
    m=b''.join(len(q.encode()).to_bytes(4,'big')+q.encode() for q in (p,s,u))
    out.append(dict(kind='assign_bucket',inputs=dict(purpose=p,salt=s,unit=u,buckets=b),expected=dict(bucket=int.from_bytes(hashlib.sha256(m).digest()[:8],'big')*b>>64)))

TOLERANCE = {"betting_cs": (1e-9, 1e-9), "ab_anytime": (1e-9, 1e-9), "drift_esr": (1e-8, 1e-9), "assign_bucket": (0, 0)}
cases = []
for n, o in enumerate(out, 1):
    rel, tol = TOLERANCE[o["kind"]]
    cases.append({"id": f"looking-{n:03}", **o, "tolerance": {"rel": rel, "abs": tol},
                  "source": "hashlib.sha256" if o["kind"] == "assign_bucket" else "mpmath, 40 digits, from the exact doubles"})
lines = ",\n".join(json.dumps(c, sort_keys=True, ensure_ascii=False) for c in cases)
print(json.dumps({"format": 1, "count": len(cases), "made_by": "tests/reference/stats_cases_looking.py"})[:-1] + ', "cases": [\n' + lines + "\n]}")
