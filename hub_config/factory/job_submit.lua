-- What a site asks of every job and Slurm itself has no limit for; `site` is written above, from the site's file.

local function refused(code, words)
   slurm.log_user("%s", words)
   return code
end

local function lacks(job, here)
   if site.account_required and job.account == nil then
      return refused(slurm.ESLURM_INVALID_ACCOUNT, "every job names its account: --account")
   end
   if site.memory_comes_with_cpus and (job.min_mem_per_node ~= nil or job.min_mem_per_cpu ~= nil) then
      return refused(slurm.ERROR, "memory comes with the CPUs: leave --mem out")
   end
   if here.constraint_required and job.features == nil then
      return refused(slurm.ERROR, "every job in this partition names a kind of node: --constraint")
   end
   if here.forbids_notebooks and string.find(job.script or "", "spawners.node", 1, true) then
      return refused(slurm.ESLURM_ACCESS_DENIED, "notebooks are forbidden on login nodes")
   end
end

function slurm_job_submit(job, partitions, uid)
   local here = site.partitions[job.partition or site.default_partition] or {}
   local code = lacks(job, here)
   if code then
      return code
   end
   if job.qos == nil and here.default_qos then
      job.qos = string.gsub(here.default_qos, "{account}", job.account or job.default_account or "")
   end
   if here.whole_from and job.min_nodes ~= slurm.NO_VAL and job.min_nodes >= here.whole_from then
      job.shared = 0
   end
   if here.least_cpus and (job.cpus_per_task == slurm.NO_VAL16 or job.cpus_per_task < here.least_cpus) then
      job.cpus_per_task = here.least_cpus
   end
   return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, uid)
   return slurm.SUCCESS
end
